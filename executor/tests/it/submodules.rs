//! Submodules: what the run may read is there, everything else does nothing at all.

use std::{fs, path::Path};

use api::executor::{CloneLine, GitFailureCode};
use serde_json::{Value, json};

use crate::{
    git::{clone_lines, commit},
    git_server::{GitServer, git},
    harness::{ANSWER, World, raw},
};

/// Commits this `.gitmodules` and these links, put together without git's own checks.
fn link(server: &GitServer, outer: &str, gitmodules: &str, links: &[(&str, &str)]) {
    let work = server.path(outer).with_file_name(format!("{outer}-work"));
    fs::write(work.join(".gitmodules"), gitmodules).unwrap();
    git(&work, &["add", ".gitmodules"]);
    for (path, inner) in links {
        let id = git(&server.path(inner), &["rev-parse", "main"]);
        git(&work, &["update-index", "--add", "--cacheinfo", &format!("160000,{id},{path}")]);
    }
    git(&work, &["commit", "-q", "-m", "modules"]);
    git(&work, &["push", "-q", "origin", "HEAD:main"]);
}

fn module(name: &str, path: &str, url: &str) -> String {
    format!("[submodule \"{name}\"]\n\tpath = {path}\n\turl = {url}\n")
}

async fn world(agent: &str) -> (World, GitServer) {
    let world = World::start(agent).await;
    let server = GitServer::start(&world).await;
    for name in ["outer", "inner", "deep"] {
        server.demo(name);
    }
    (world, server)
}

fn notices(lines: &[CloneLine]) -> Vec<&str> {
    let notices = lines.iter().filter_map(|line| match line {
        CloneLine::Notice { text } => Some(text.as_str()),
        _ => None,
    });
    notices.collect()
}

fn is_done(lines: &[CloneLine]) -> bool {
    matches!(lines.last(), Some(CloneLine::Done { .. }))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn what_the_run_may_read_is_checked_out_at_every_depth_and_the_agent_can_fetch_there() {
    let script = format!("cd lib/inner && git fetch -q origin; echo \"git $?\"\n{ANSWER}");
    let (world, server) = world(&script).await;
    link(&server, "inner", &module("deep", "deep", &server.url("deep")), &[("deep", "deep")]);
    // A second commit in it: what counts is the commit that the outer repository names.
    let named = git(&server.path("inner"), &["rev-parse", "main"]);
    let modules = module("inner", "lib/inner", "../inner.git") + &module("other", "other", "../other.git");
    link(&server, "outer", &modules, &[("lib/inner", "inner"), ("other", "deep")]);
    link(&server, "inner", "", &[]);
    let allowed = [server.url("inner").trim_end_matches(".git").to_owned(), server.url("deep") + "/"];
    let lines = clone_lines(&world, &server.url("outer"), json!({"submodules": allowed})).await;
    assert!(is_done(&lines), "{lines:?}");
    let (workspace, inner) = (world.workspace(), world.workspace().join("lib/inner"));
    assert_eq!(git(&inner, &["rev-parse", "HEAD"]), named);
    assert!(inner.join("README.md").exists() && inner.join("deep/README.md").exists());
    assert!(is_empty(&workspace.join("other")));
    let [notice] = notices(&lines)[..] else { panic!("{lines:?}") };
    assert!(
        notice.starts_with("One submodule stays an empty folder") && notice.contains("`submodules`"),
        "{notice}"
    );
    assert!(notice.contains(&server.url("other")), "{notice}");
    assert_eq!(git(&workspace, &["status", "--porcelain"]), "");
    assert_eq!(git(&inner, &["config", "remote.origin.url"]), server.url("inner"));
    let all = world.execute("a").await;
    assert_eq!(raw(&all)[0], "git 0", "{all:#?}");
    // Neither kind is lost or changed by a commit of everything.
    world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
    assert_eq!(commit(&world, "nothing").await, None);
}

#[tokio::test]
async fn a_submodule_that_the_run_may_read_and_that_is_not_there_fails_the_clone() {
    let (world, server) = world("").await;
    link(&server, "outer", &module("inner", "lib", "../nowhere.git"), &[("lib", "inner")]);
    let more = json!({"submodules": [server.url("nowhere")]});
    let lines = clone_lines(&world, &server.url("outer"), more).await;
    let Some(CloneLine::Failed(failure)) = lines.last() else { panic!("{lines:?}") };
    assert_eq!(failure.code, GitFailureCode::NotFound);
    assert!(failure.message.starts_with("submodule lib: "), "{}", failure.message);
    assert!(is_empty(&world.workspace()));
}

#[tokio::test]
async fn a_repository_that_is_its_own_submodule_ends_at_a_depth() {
    let (world, server) = world("").await;
    // A commit cannot name itself, but the repository it is in can have it twice.
    for _ in 0..7 {
        link(&server, "outer", &module("me", "me", "./"), &[("me", "outer")]);
    }
    let lines = clone_lines(&world, &server.url("outer"), json!({"submodules": [server.url("outer")]})).await;
    assert!(is_done(&lines), "{lines:?}");
    let at = |depth: usize| world.workspace().join(vec!["me"; depth].join("/")).join("README.md");
    assert!(at(5).exists() && !at(6).exists());
    assert_eq!(notices(&lines).len(), 1);
}

#[tokio::test]
async fn hostile_names_paths_and_addresses_do_nothing() {
    let (world, server) = world("").await;
    let inner = server.url("inner");
    let secret = world.folder.path().join("secret");
    git(world.folder.path(), &["init", "-q", "--bare", secret.to_str().unwrap()]);
    let file = format!("file://{}", secret.display());
    let plain = secret.to_str().unwrap();
    let modules = [
        // Paths that no commit can hold are only in the file.
        module("up", "../up", &inner),
        module("absolute", "/tmp/caisson-absolute", &inner),
        module("git", ".git/hooks", &inner),
        module("git2", ".GIT/x", &inner),
        module("short", "git~1", &inner),
        module("option", "-u", &inner),
        module("missing", "not/in/the/commit", &inner),
        module("file", "README.md", &inner),
        module("ext", "m1", "ext::sh -c 'touch ran'"),
        module("local", "m2", &file),
        module("local2", "m3", plain),
        module("dash", "m4", "--upload-pack=touch ran"),
        module("dash2", "m5", "-u./x"),
        module("relative", "m6", "../../../../../../etc"),
        module("ssh", "m7", "ssh://-oProxyCommand=touch/ran"),
        module("credential", "m8", &inner.replace("http://", "http://user:pw@")),
        // An address that is fine, below a name that would be a folder elsewhere.
        module("../../../escaped", "good", &inner),
    ]
    .concat();
    let links = ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "good"].map(|path| (path, "inner"));
    link(&server, "outer", &modules, &links);
    let allowed = [&inner, "ext::sh -c 'touch ran'", &file, plain, "--upload-pack=touch ran", "-u./x"];
    let lines = clone_lines(&world, &server.url("outer"), json!({"submodules": allowed})).await;
    assert!(is_done(&lines), "{lines:?}");
    let workspace = world.workspace();
    for path in ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"] {
        assert!(is_empty(&workspace.join(path)), "{path}");
    }
    assert!(workspace.join("good/README.md").exists());
    for path in
        ["../up", "../escaped", "../../escaped", "-u", "git~1", ".git/modules", "ran", "../ran", "not"]
    {
        assert!(!workspace.join(path).exists(), "{path}");
    }
    assert!(!Path::new("/tmp/caisson-absolute").exists());
    assert!(!workspace.join(".git/hooks/HEAD").exists());
    let [notice] = notices(&lines)[..] else { panic!("{lines:?}") };
    assert!(
        notice.starts_with("8 submodules") && !notice.contains("ext::") && !notice.contains("pw"),
        "{notice}"
    );
    assert_eq!(git(&workspace, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_submodule_below_a_link_out_of_the_workspace_is_not_written_there() {
    let (world, server) = world("").await;
    let outside = world.folder.path().join("outside");
    fs::create_dir_all(outside.join("lib")).unwrap();
    let work = server.path("outer").with_file_name("outer-work");
    std::os::unix::fs::symlink(&outside, work.join("way")).unwrap();
    fs::write(work.join(".gitmodules"), module("inner", "way/lib", "../inner.git")).unwrap();
    git(&work, &["add", "-A"]);
    // A tree with both a link and a folder of one name: git would refuse to make it, so it is written by hand.
    let blobs = git(&work, &["ls-files", "-s"]);
    let id = git(&server.path("inner"), &["rev-parse", "main"]);
    let folder = mktree(&work, &format!("160000 commit {id}\tlib\n"));
    let mut entries: String = blobs
        .lines()
        .map(|line| {
            let (head, path) = line.split_once('\t').unwrap();
            let mut fields = head.split(' ');
            format!("{} blob {}\t{path}\n", fields.next().unwrap(), fields.next().unwrap())
        })
        .collect();
    entries += &format!("040000 tree {folder}\tway\n");
    let tree = mktree(&work, &entries);
    let commit = git(&work, &["commit-tree", &tree, "-m", "both"]);
    git(&work, &["push", "-q", "-f", "origin", &format!("{commit}:refs/heads/main")]);
    let more = json!({"submodules": [server.url("inner")]});
    clone_lines(&world, &server.url("outer"), more).await;
    assert!(is_empty(&outside.join("lib")));
}

fn mktree(folder: &Path, entries: &str) -> String {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let mut mktree = Command::new("git");
    let mktree = mktree.args(["mktree", "--missing"]).current_dir(folder);
    let mut mktree = mktree.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    mktree.stdin.take().unwrap().write_all(entries.as_bytes()).unwrap();
    let output = mktree.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_repository_with_large_files_elsewhere_says_so_once() {
    let (world, server) = world("").await;
    for name in ["outer", "inner"] {
        let work = server.path(name).with_file_name(format!("{name}-work"));
        fs::write(work.join(".gitattributes"), "*.psd filter=lfs diff=lfs merge=lfs -text\n").unwrap();
        fs::write(work.join("a.psd"), "version https://example.org/spec/v1\n").unwrap();
        git(&work, &["-c", "filter.lfs.clean=cat", "add", "-A"]);
        link(&server, name, &module("inner", "inner", "../inner.git"), &[("inner", "inner")]);
    }
    let lines = clone_lines(&world, &server.url("outer"), json!({"submodules": [server.url("inner")]})).await;
    assert!(is_done(&lines), "{lines:?}");
    let lfs = notices(&lines).into_iter().filter(|notice| notice.contains("LFS")).count();
    assert_eq!(lfs, 1, "{lines:?}");
}

#[tokio::test]
async fn an_ssh_remote_keeps_its_spelling_and_is_reached_through_the_relay() {
    for (address, twin) in [
        ("git@git.example:outer.git", "ssh://git@git.example/outer.git"),
        ("ssh://git@git.example/outer.git", "git@git.example:outer.git"),
    ] {
        let script = format!(
            "git fetch -q origin; echo \"git $?\"; git fetch -q {twin} main; echo \"git $?\"\n{ANSWER}"
        );
        let (world, server) = world(&script).await;
        let modules = module("inner", "inner", "../inner.git");
        link(&server, "outer", &modules, &[("inner", "inner")]);
        let more: Value =
            json!({"workBranch": "caisson/run", "submodules": ["ssh://git@git.example:22/inner"]});
        let lines = clone_lines(&world, address, more).await;
        assert!(is_done(&lines), "{lines:?}");
        assert_eq!(git(&world.workspace(), &["config", "remote.origin.url"]), address);
        assert!(world.workspace().join("inner/README.md").exists());
        let all = world.execute("a").await;
        assert_eq!(raw(&all)[..2], ["git 0", "git 0"], "{all:#?}");
    }
}
