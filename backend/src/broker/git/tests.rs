mod attacks;
mod front;
mod inward;
mod ssh;
mod world;

use self::world::World;
use super::*;

#[tokio::test]
async fn a_run_clones_its_repository_and_pushes_to_its_branch() {
    let world = World::start().await;
    world.clone_as("clone", &[]).await;
    world.commit("clone", "a.txt", b"a").await;
    world.git("clone", &["push", "origin", "HEAD:refs/heads/work"]).await.done();
    assert_eq!(world.head_of("own.git", "work").await, world.head_of("clone", "HEAD").await);
    // Written over: the branch is the run's own.
    world.git("clone", &["commit", "--quiet", "--amend", "--message", "Again"]).await.done();
    world.git("clone", &["push", "--force", "origin", "HEAD:work"]).await.done();
    world.git("clone", &["fetch", "origin"]).await.done();
    assert_eq!(world.head_of("clone", "origin/work").await, world.head_of("own.git", "work").await);
}

#[tokio::test]
async fn a_push_of_many_megabytes_passes() {
    let world = World::start().await;
    world.clone_as("clone", &["--depth", "1"]).await;
    // Beyond a megabyte git asks first with an empty push, then sends in chunks.
    let noise = (0..4_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>();
    world.commit("clone", "noise", &noise).await;
    world.git("clone", &["push", "origin", "HEAD:work"]).await.done();
    assert_eq!(world.head_of("own.git", "work").await, world.head_of("clone", "HEAD").await);
    world.git("clone", &["push", "origin", "HEAD:main"]).await.refused("not this run's branch");
}

#[tokio::test]
async fn a_push_to_anything_else_is_refused_in_words() {
    let world = World::start().await;
    world.clone_as("clone", &[]).await;
    world.commit("clone", "a.txt", b"a").await;
    world.git("clone", &["push", "origin", "HEAD:work"]).await.done();
    world.commit("clone", "b.txt", b"b").await;
    world.git("clone", &["tag", "v1"]).await.done();
    let before = world.references("own.git").await;
    for (push, why) in [
        (&["HEAD:main"][..], "main (not this run's branch)"),
        (&["HEAD:work2"], "work2 (not this run's branch)"),
        (&["v1"], "v1 (not this run's branch)"),
        (&["HEAD:refs/notes/x"], "refs/notes/x (not this run's branch)"),
        (&["--delete", "work"], "work (a run may not remove anything)"),
        (&["--delete", "main"], "main (a run may not remove anything)"),
        (&["HEAD:work", "HEAD:main"], "work (not done, because another update is refused)"),
        (&["--mirror"], "(not this run's branch)"),
    ] {
        let push = [&["push", "origin"], push].concat();
        let refused = world.git("clone", &push).await;
        refused.refused("[remote rejected]");
        refused.refused(why);
        refused.refused("remote: Caisson: this run may push to the branch work only, and remove nothing");
        assert_eq!(world.references("own.git").await, before, "{push:?}");
    }
    world.git("clone", &["push", "origin", "HEAD:work"]).await.done();
}

#[tokio::test]
async fn another_repository_is_refused_in_words() {
    let world = World::start().await;
    let other = world.through_gateway("other.git");
    let why = "remote: Caisson: this run may use the repository";
    world.git(".", &["clone", &other, "clone"]).await.refused(why);
    world.clone_as("clone", &[]).await;
    world.git("clone", &["push", &other, "HEAD:work"]).await.refused(why);
    assert!(world.seen().iter().all(|(path, _)| path.starts_with("/own.git/")));
}

#[tokio::test]
async fn what_the_container_shows_is_not_passed_on() {
    let world = World::start().await;
    let config = ["http.extraHeader=Authorization: Basic eDp5", "http.extraHeader=Cookie: a=b"];
    world.clone_as("clone", &["--config", config[0], "--config", config[1]]).await;
    let seen = world.seen();
    assert!(2 <= seen.len());
    for (_, headers) in seen {
        assert!(!headers.contains_key("authorization") && !headers.contains_key("cookie"), "{headers:?}");
        assert_eq!(headers["git-protocol"], "version=2");
    }
}

#[tokio::test]
async fn an_error_of_the_git_server_comes_through_in_words() {
    let missing = World::with_repository("missing.git").await;
    let clone = missing.git(".", &["clone", &missing.through_gateway("missing.git"), "clone"]).await;
    clone.refused("remote error: Caisson (not_found): there is no such repository");
    let url = missing.gateway.at("/git/http/127.0.0.1:1/x/info/refs?service=git-upload-pack");
    assert_eq!(reqwest::get(url).await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let world = World::with_repository("moved.git").await;
    let clone = world.git(".", &["clone", &world.through_gateway("moved.git"), "clone"]).await;
    clone.refused(
        "remote error: Caisson: the repository has moved to http://127.0.0.1:1/new.git; use that address",
    );
    assert_eq!(world.seen().len(), 1);
}

#[tokio::test]
async fn a_git_server_that_is_away_is_said_to_be() {
    let gateway = world::gateway(&"http://127.0.0.1:1/x".parse().unwrap()).await;
    let ask = |path: &str| reqwest::get(gateway.at(path));
    let answer = ask("/git/http/127.0.0.1:1/x/info/refs?service=git-upload-pack").await.unwrap();
    let told = answer.text().await.unwrap();
    assert!(
        told.contains("ERR Caisson (interrupted): the git server 127.0.0.1 could not be reached ("),
        "{told}"
    );
    let answer = ask("/git/http/127.0.0.1:1/x/HEAD").await.unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn a_push_that_cannot_be_judged_is_refused() {
    let world = World::start().await;
    let url = format!("{}/git-receive-pack", world.through_gateway("own.git"));
    let push = |body: &'static str| reqwest::Client::new().post(&url).body(body);
    assert_eq!(push("0000").header("content-encoding", "gzip").send().await.unwrap().status(), 415);
    assert_eq!(push("PACK").send().await.unwrap().status(), 400);
    assert_eq!(push("0006a").send().await.unwrap().status(), 400);
    assert!(world.seen().is_empty());
}

#[test]
fn the_github_credential_is_for_github_only() {
    let shown_at = |url: &str| {
        let (broker, _) = world::run_of(&url.parse().unwrap());
        let client = reqwest::Client::new();
        let call = broker.call(&client, url.parse().unwrap(), &HeaderMap::new(), None).build().unwrap();
        call.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned())
    };
    for github in ["https://github.com/o/r", "https://GitHub.com:443/o/r"] {
        // x-access-token:github-token
        assert_eq!(shown_at(github).unwrap(), "Basic eC1hY2Nlc3MtdG9rZW46Z2l0aHViLXRva2Vu");
    }
    for other in [
        "http://github.com/o/r",
        "https://github.com:8443/o/r",
        "https://github.com.example.com/o/r",
        "https://api.github.com/o/r",
        "https://example.com/github.com",
    ] {
        assert_eq!(shown_at(other), None, "{other}");
    }
}
