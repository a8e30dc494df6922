//! Clone, commit and push: the real libgit2 worker against a real git server, through the real link.

use std::{fs, path::Path};

use api::executor::{CloneLine, GitFailureCode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    git_server::{GitServer, git},
    harness::{ANSWER, World, raw},
};

pub(crate) async fn clone_lines(world: &World, url: &str, more: Value) -> Vec<CloneLine> {
    let mut body = json!({"repositoryUrl": url});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let text = world.post("/git-clone", body).await.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A clone that must work: its commit and branch.
pub(crate) async fn clone(world: &World, url: &str, more: Value) -> (String, String) {
    match clone_lines(world, url, more).await.pop() {
        Some(CloneLine::Done { commit, branch }) => (commit, branch),
        other => panic!("not cloned: {other:?}"),
    }
}

/// A clone that must fail: how.
pub(crate) async fn clone_fails(world: &World, url: &str, more: Value) -> (GitFailureCode, String) {
    match clone_lines(world, url, more).await.pop() {
        Some(CloneLine::Failed(failure)) => (failure.code, failure.message),
        other => panic!("did not fail: {other:?}"),
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// A world with `demo` cloned on the branch `caisson/run`, and the commit it starts from.
pub(crate) async fn cloned() -> (World, GitServer, String) {
    cloned_as("demo").await
}

/// The same with another name for the repository.
pub(crate) async fn cloned_as(name: &str) -> (World, GitServer, String) {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    server.demo(name);
    world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
    let (commit, _) = clone(&world, &server.url(name), json!({"workBranch": "caisson/run"})).await;
    (world, server, commit)
}

pub(crate) async fn commit(world: &World, message: &str) -> Option<String> {
    world.call("/commit", json!({"message": message})).await["commit"].as_str().map(str::to_owned)
}

pub(crate) fn push_body(base: &str) -> Value {
    json!({"branch": "caisson/run", "baseCommit": base, "stallSeconds": 30})
}

/// A push that must fail: how.
pub(crate) async fn push_fails(world: &World, body: Value) -> (String, String) {
    let response = world.post("/push", body).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let body: Value = response.json().await.unwrap();
    (body["git"]["code"].as_str().unwrap().to_owned(), body["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_clone_tells_its_progress_and_leaves_the_real_origin() {
    let world = World::start("").await;
    let server = GitServer::start(&world).await;
    let bare = server.demo("demo");
    let (workspace, url) = (world.workspace(), server.url("demo"));
    let lines = clone_lines(&world, &url, json!({"workBranch": "caisson/run"})).await;
    let head = git(&bare, &["rev-parse", "main"]);
    let done = CloneLine::Done { commit: head.clone(), branch: "caisson/run".to_owned() };
    assert_eq!(lines.last(), Some(&done));
    for phase in ["receiving", "checkout"] {
        let full = CloneLine::Progress { phase: phase.to_owned(), percent: 100 };
        assert_eq!(lines.iter().filter(|line| **line == full).count(), 1, "{lines:?}");
    }
    assert_eq!(fs::read_to_string(workspace.join("README.md")).unwrap(), "# Demo 3\n");
    assert_eq!(git(&workspace, &["status", "--porcelain", "--branch"]), "## caisson/run");
    assert_eq!(git(&workspace, &["config", "remote.origin.url"]), url);
    let branches = git(&workspace, &["branch", "-r", "--format=%(refname)"]);
    assert_eq!(branches, "refs/remotes/origin/HEAD\nrefs/remotes/origin/main\nrefs/remotes/origin/other");
    // Done is done: the agent's own commits do not change what was cloned.
    git(&workspace, &["commit", "-q", "--allow-empty", "-m", "mine"]);
    assert_eq!(clone_lines(&world, &url, json!({})).await, [done]);
}

#[tokio::test]
async fn a_branch_a_tag_and_a_commit_can_be_cloned() {
    for (name, revision, branch) in [
        ("other", "other", "other"),
        ("v1", "v1^{commit}", "HEAD"),
        ("refs/tags/v1", "v1^{commit}", "HEAD"),
        ("main~2", "", ""),
        ("commit", "main~1", "HEAD"),
    ] {
        let world = World::start("").await;
        let server = GitServer::start(&world).await;
        let bare = server.demo("demo");
        let wanted = match name {
            "commit" => git(&bare, &["rev-parse", "main~1"])[..9].to_owned(),
            name => name.to_owned(),
        };
        let more = json!({"ref": wanted});
        if revision.is_empty() {
            assert_eq!(clone_fails(&world, &server.url("demo"), more).await.0, GitFailureCode::UnknownRef);
            continue;
        }
        let expected = (git(&bare, &["rev-parse", revision]), branch.to_owned());
        assert_eq!(clone(&world, &server.url("demo"), more).await, expected, "{name}");
        assert_eq!(git(&world.workspace(), &["status", "--porcelain"]), "");
    }
}

#[tokio::test]
async fn a_clone_that_cannot_be_says_why_and_leaves_the_workspace_empty() {
    let world = World::start("").await;
    let server = GitServer::start(&world).await;
    server.demo("demo");
    server.empty("empty");
    use GitFailureCode::{AuthRequired, Empty, NotFound, Other, UnknownRef};
    for (url, more, code, text) in [
        (server.url("nowhere"), json!({}), NotFound, "no such repository"),
        (server.url("private"), json!({}), AuthRequired, "token"),
        (server.url("empty"), json!({}), Empty, "no commits"),
        (server.url("demo"), json!({"ref": "nope"}), UnknownRef, "nope"),
        (server.url("demo"), json!({"ref": "0123456789"}), UnknownRef, "0123456789"),
        (server.url("demo"), json!({"workBranch": "a..b"}), Other, "a..b"),
        ("file:///etc".to_owned(), json!({}), Other, "https://"),
        ("ext::sh -c id".to_owned(), json!({}), Other, "https://"),
        ("ssh://git:pw@example.org/a/b".to_owned(), json!({}), Other, "credential"),
        ("http://user:pw@example.org/a".to_owned(), json!({}), Other, "credential"),
    ] {
        let (failed, why) = clone_fails(&world, &url, more).await;
        assert_eq!(failed, code, "{url}: {why}");
        assert!(why.contains(text) && !why.contains("pw"), "{url}: {why}");
        assert!(is_empty(&world.workspace()), "{url} left something");
    }
    // And then the right one works.
    clone(&world, &server.url("demo"), json!({})).await;
}

#[tokio::test]
async fn a_clone_that_was_cut_short_begins_again_and_other_files_are_not_touched() {
    let world = World::start("").await;
    let server = GitServer::start(&world).await;
    server.demo("demo");
    let workspace = world.workspace();
    fs::write(workspace.join("precious"), "mine").unwrap();
    let (code, why) = clone_fails(&world, &server.url("demo"), json!({})).await;
    assert_eq!(code, GitFailureCode::Other);
    assert!(why.contains("not empty"), "{why}");
    assert_eq!(fs::read_to_string(workspace.join("precious")).unwrap(), "mine");
    let (folder, config) = world.stop().await;
    fs::write(config.spool.join("ledger.json"), r#"{"is_cloning": true}"#).unwrap();
    let world = World::serve(folder, config).await;
    let server = GitServer::start(&world).await;
    server.demo("demo");
    clone(&world, &server.url("demo"), json!({})).await;
    assert!(!workspace.join("precious").exists());
}

#[tokio::test]
async fn a_shallow_clone_has_one_commit_and_can_be_pushed_from() {
    let world = World::start("").await;
    let server = GitServer::start(&world).await;
    let bare = server.demo("demo");
    world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
    let (base, _) =
        clone(&world, &server.url("demo"), json!({"depth": 1, "workBranch": "caisson/run"})).await;
    assert_eq!(git(&world.workspace(), &["rev-list", "--count", "HEAD"]), "1");
    fs::write(world.workspace().join("new"), "x").unwrap();
    let head = commit(&world, "more").await.unwrap();
    let pushed = world.call("/push", push_body(&base)).await;
    assert_eq!(pushed, json!({"headCommit": head, "commits": 1}));
    assert_eq!(git(&bare, &["rev-list", "--count", "caisson/run"]), "4");
}

#[tokio::test]
async fn everything_uncommitted_is_committed_by_the_author_without_hooks() {
    let (world, _server, base) = cloned().await;
    let workspace = world.workspace();
    assert_eq!(commit(&world, "nothing").await, None);
    fs::write(workspace.join("README.md"), "changed\n").unwrap();
    fs::remove_file(workspace.join("file-1")).unwrap();
    fs::create_dir(workspace.join("new")).unwrap();
    fs::write(workspace.join("new/file"), "new\n").unwrap();
    fs::write(workspace.join(".gitignore"), "*.log\n").unwrap();
    fs::write(workspace.join("build.log"), "noise\n").unwrap();
    crate::harness::write_script(&workspace.join(".git/hooks/pre-commit"), "touch ran; exit 1");
    // What a killed git leaves behind.
    fs::write(workspace.join(".git/index.lock"), "").unwrap();
    let head = commit(&world, "Add things\n\nAnd why.").await.unwrap();
    assert_eq!(git(&workspace, &["rev-parse", "HEAD"]), head);
    assert_eq!(git(&workspace, &["rev-parse", "HEAD~1"]), base);
    let changes = git(&workspace, &["show", "--name-status", "--format=%an <%ae> %cn %s", "HEAD"]);
    assert_eq!(
        changes,
        "Ada <ada@example.org> Ada Add things\n\nA\t.gitignore\nM\tREADME.md\nD\tfile-1\nA\tnew/file"
    );
    assert_eq!(git(&workspace, &["status", "--porcelain"]), "");
    assert!(!workspace.join("ran").exists());
    assert_eq!(commit(&world, "again").await, None);
}

#[tokio::test]
async fn a_repository_inside_the_workspace_does_not_stop_the_commit() {
    let (world, _server, _) = cloned().await;
    let inner = world.workspace().join("vendor/inner");
    fs::create_dir_all(&inner).unwrap();
    git(&inner, &["init", "-q"]);
    fs::write(world.workspace().join("beside"), "x").unwrap();
    commit(&world, "with an empty repository inside").await.unwrap();
    fs::write(inner.join("file"), "x").unwrap();
    git(&inner, &["add", "-A"]);
    git(&inner, &["commit", "-q", "-m", "inner"]);
    fs::write(world.workspace().join("beside"), "y").unwrap();
    commit(&world, "with a repository inside").await.unwrap();
    assert_eq!(git(&world.workspace(), &["show", "HEAD:beside"]), "y");
    assert_eq!(git(&world.workspace(), &["show", "HEAD:vendor/inner/file"]), "x");
}

#[tokio::test]
async fn a_push_brings_the_commits_to_the_branch_and_no_commits_push_nothing() {
    let (world, server, base) = cloned().await;
    let bare = server.path("demo");
    let there = || git(&bare, &["for-each-ref", "--format=%(objectname)", "refs/heads/caisson"]);
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": base, "commits": 0}));
    assert_eq!(there(), "");
    fs::write(world.workspace().join("new"), "x").unwrap();
    let head = commit(&world, "one").await.unwrap();
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": head, "commits": 1}));
    // What was pushed from here may be rewritten from here.
    git(&world.workspace(), &["commit", "-q", "--amend", "-m", "better"]);
    let head = git(&world.workspace(), &["rev-parse", "HEAD"]);
    assert_eq!(commit(&world, "nothing is left").await, None);
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": head, "commits": 1}));
    assert_eq!(there(), head);
}

#[tokio::test]
async fn a_push_that_is_refused_says_so() {
    let (world, server, base) = cloned().await;
    fs::write(world.workspace().join("new"), "x").unwrap();
    commit(&world, "one").await.unwrap();
    let bare = server.path("demo");
    // Somebody else's commit on the branch.
    let theirs = git(&bare, &["commit-tree", "main^{tree}", "-p", "main", "-m", "theirs"]);
    git(&bare, &["branch", "caisson/run", &theirs]);
    let (code, why) = push_fails(&world, push_body(&base)).await;
    assert_eq!(code, "rejected", "{why}");
    // A hook of the remote.
    git(&bare, &["branch", "-D", "caisson/run"]);
    crate::harness::write_script(&bare.join("hooks/pre-receive"), "echo house rules >&2; exit 1");
    let (code, why) = push_fails(&world, push_body(&base)).await;
    assert_eq!(code, "rejected", "{why}");
    assert!(why.contains("hook"), "{why}");
    let (code, why) = push_fails(&world, push_body("0000000000000000000000000000000000000001")).await;
    assert_eq!(code, "unknown_ref", "{why}");
}

#[tokio::test]
async fn a_push_to_a_remote_that_never_answers_is_given_up() {
    let (world, _server, base) = cloned_as("stalled").await;
    fs::write(world.workspace().join("new"), "x").unwrap();
    commit(&world, "one").await.unwrap();
    let body = json!({"branch": "caisson/run", "baseCommit": base, "stallSeconds": 1});
    let (code, why) = push_fails(&world, body).await;
    assert_eq!(code, "network", "{why}");
    assert!(why.contains("no progress for 1 seconds"), "{why}");
}

#[tokio::test]
async fn a_transfer_that_breaks_is_done_again() {
    // The first clone breaks in the middle, and so does the answer to a push that arrived.
    let (world, server, base) = cloned_as("cut").await;
    fs::write(world.workspace().join("new"), "x").unwrap();
    let head = commit(&world, "one").await.unwrap();
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": head, "commits": 1}));
    assert_eq!(git(&server.path("cut"), &["rev-parse", "caisson/run"]), head);
    assert_eq!(server.broken(), ["cut.git/git-receive-pack", "cut.git/git-upload-pack"]);
}

#[tokio::test]
async fn the_agents_own_git_goes_through_the_relay() {
    let script = format!(
        "git fetch -q origin && git commit -q --allow-empty -m mine && git push -q origin HEAD:caisson/run; \
         echo \"git $?\"; git log -1 --format='by %an <%ae>'\n{ANSWER}"
    );
    let world = World::start(&script).await;
    let server = GitServer::start(&world).await;
    let bare = server.demo("demo");
    world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
    clone(&world, &server.url("demo"), json!({"workBranch": "caisson/run"})).await;
    let all = world.execute("a").await;
    assert_eq!(raw(&all)[..2], ["git 0", "by Ada <ada@example.org>"], "{all:#?}");
    assert_eq!(git(&bare, &["log", "-1", "--format=%s", "caisson/run"]), "mine");
}

#[tokio::test]
async fn commits_need_an_author() {
    let world = World::start("").await;
    let (status, why) = world.refused("/commit", json!({"message": "x"})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("init-git"), "{why}");
}
