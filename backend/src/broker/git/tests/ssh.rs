//! Git over SSH, against a real `sshd` and with both clients: the git command line and libgit2.

mod server;

use self::server::{Options, SshWorld};

#[tokio::test]
async fn a_run_clones_fetches_and_pushes_over_ssh() {
    for accepts_version in [true, false] {
        let world = SshWorld::start(Options { accepts_version, ..Options::default() }).await;
        for version in ["0", "2"] {
            let clone = format!("clone{version}");
            let protocol = format!("protocol.version={version}");
            world.git(".", &["-c", &protocol, "clone", "--quiet", &world.own(), &clone]).await.done();
            world.git(&clone, &["config", "protocol.version", version]).await.done();
            // Many commits on both sides: a negotiation that takes several requests, and packed ones.
            for _ in 0..40 {
                world.git(&clone, &["commit", "--quiet", "--allow-empty", "--message", "Here"]).await.done();
            }
            world.grow("main", 3).await;
            world.git(&clone, &["fetch", "--quiet", "origin"]).await.done();
            assert_eq!(world.rev(&clone, "origin/main").await, world.rev("own.git", "main").await);
            world.git(&clone, &["push", "--quiet", "--force", "origin", "HEAD:work"]).await.done();
            assert_eq!(world.rev(&clone, "HEAD").await, world.rev("own.git", "work").await);
        }
    }
}

#[tokio::test]
async fn a_shallow_clone_over_ssh_is_deepened() {
    let world = SshWorld::start(Options::default()).await;
    world.grow("main", 5).await;
    for version in ["0", "2"] {
        let (clone, protocol) = (format!("shallow{version}"), format!("protocol.version={version}"));
        let clone_it = ["-c", &protocol, "clone", "--quiet", "--depth", "1", &world.own(), &clone];
        world.git(".", &clone_it).await.done();
        world.git(&clone, &["-c", &protocol, "fetch", "--quiet", "--unshallow"]).await.done();
        assert_eq!(world.git(&clone, &["rev-list", "--count", "HEAD"]).await.text.trim(), "6");
    }
}

#[tokio::test]
async fn libgit2_clones_fetches_and_pushes_over_ssh() {
    let world = SshWorld::start(Options::default()).await;
    let (own, folder) = (world.own(), world.path("libgit2"));
    let clone = move || {
        let repository = git2::Repository::clone(&own, &folder).unwrap();
        let head = repository.head().unwrap().peel_to_commit().unwrap();
        let author = git2::Signature::now("Test", "test@example.com").unwrap();
        let tree = head.tree().unwrap();
        repository.commit(Some("HEAD"), &author, &author, "Here", &tree, &[&head]).unwrap();
        let mut origin = repository.find_remote("origin").unwrap();
        origin.push(&["refs/heads/main:refs/heads/work"], None).unwrap();
        let refused = std::cell::RefCell::new(Vec::new());
        let mut callbacks = git2::RemoteCallbacks::new();
        callbacks.push_update_reference(|name, why| {
            refused.borrow_mut().push((name.to_owned(), why.map(str::to_owned)));
            Ok(())
        });
        let mut options = git2::PushOptions::new();
        options.remote_callbacks(callbacks);
        origin.push(&["refs/heads/main:refs/heads/main"], Some(&mut options)).unwrap();
        drop(options);
        refused.into_inner()
    };
    let refused = tokio::task::spawn_blocking(clone).await.unwrap();
    let why = Some("not this run's branch".to_owned());
    assert_eq!(refused, [("refs/heads/main".to_owned(), why)]);
    assert_eq!(world.rev("libgit2", "HEAD").await, world.rev("own.git", "work").await);
    world.grow("main", 3).await;
    let folder = world.path("libgit2");
    let fetch = move || {
        let repository = git2::Repository::open(folder).unwrap();
        repository.find_remote("origin").unwrap().fetch(&["main"], None, None).unwrap();
    };
    tokio::task::spawn_blocking(fetch).await.unwrap();
    assert_eq!(world.rev("libgit2", "origin/main").await, world.rev("own.git", "main").await);
}

#[tokio::test]
async fn many_megabytes_pass_over_ssh_both_ways() {
    let world = SshWorld::start(Options::default()).await;
    world.git(".", &["clone", "--quiet", &world.own(), "clone"]).await.done();
    let noise = (0..20_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>();
    std::fs::write(world.path("clone/noise"), noise).unwrap();
    world.git("clone", &["add", "noise"]).await.done();
    world.git("clone", &["commit", "--quiet", "--message", "Noise"]).await.done();
    world.git("clone", &["push", "origin", "HEAD:work"]).await.done();
    world.git(".", &["clone", "--quiet", "--branch", "work", &world.own(), "again"]).await.done();
    assert_eq!(world.rev("again", "HEAD").await, world.rev("clone", "HEAD").await);
}

#[tokio::test]
async fn a_push_over_ssh_is_judged_like_any_other() {
    let world = SshWorld::start(Options::default()).await;
    world.git(".", &["clone", "--quiet", &world.own(), "clone"]).await.done();
    world.git("clone", &["commit", "--quiet", "--allow-empty", "--message", "Here"]).await.done();
    world.git("clone", &["tag", "v1"]).await.done();
    let before = world.git("own.git", &["show-ref"]).await.text;
    for push in [&["HEAD:main"][..], &["v1"], &["--delete", "main"], &["HEAD:work", "HEAD:main"]] {
        let refused = world.git("clone", &[&["push", "origin"], push].concat()).await;
        refused.refused("remote: Caisson: this run may push to the branch work only, and remove nothing");
        assert_eq!(world.git("own.git", &["show-ref"]).await.text, before, "{push:?}");
    }
    let other = world.through_gateway("other.git");
    world.git("clone", &["push", &other, "HEAD:work"]).await.refused("this run may use the repository");
}

#[tokio::test]
async fn what_keeps_git_from_an_ssh_server_is_said() {
    let ask = async |options: Options| {
        let world = SshWorld::start(options).await;
        world.git(".", &["clone", &world.own(), "clone"]).await
    };
    let wrong_key = Options { host_is_known: false, ..Options::default() };
    let refused = ask(wrong_key).await;
    refused.refused("shows a key that is not among its known hosts, SHA256:");
    let stranger = Options { key_is_authorized: false, ..Options::default() };
    ask(stranger).await.refused("refuses Caisson's key for the user");
    let missing = Options { repository: "missing.git", ..Options::default() };
    ask(missing).await.refused("does not appear to be a git repository");
}

#[tokio::test]
async fn every_kind_of_key_logs_in() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let world = SshWorld::start(Options { kind, ..Options::default() }).await;
        world.git(".", &["ls-remote", &world.own()]).await.done();
    }
}

#[tokio::test]
async fn an_ssh_server_without_a_key_of_ours_is_not_asked() {
    let gateway = super::world::gateway(&"ssh://git@127.0.0.1:1/o/r".parse().unwrap()).await;
    let url = gateway.at("/git/ssh/git@127.0.0.1:1/o/r/info/refs?service=git-upload-pack");
    let answer = reqwest::get(url).await.unwrap();
    let told = answer.text().await.unwrap();
    assert!(told.contains("ERR Caisson (auth_required): there is no SSH key for 127.0.0.1"), "{told}");
}
