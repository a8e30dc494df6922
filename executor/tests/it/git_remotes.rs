//! Remotes as they are: busy, talkative, with odd names, and with commits on no branch.

use std::{fs, os::unix::ffi::OsStrExt, path::Path};

use api::executor::{CloneLine, GitFailureCode};
use serde_json::{Value, json};

use crate::{
    git::{clone, clone_fails, clone_lines, cloned_as, commit, push_body, push_fails},
    git_server::{GitServer, git},
    harness::{ANSWER, World, write_script},
};

#[tokio::test]
async fn a_remote_that_is_busy_for_a_moment_is_asked_again() {
    // Each kind of request fails twice, for a clone and for a push.
    let (world, server, base) = cloned_as("busy").await;
    fs::write(world.workspace().join("new"), "x").unwrap();
    let head = commit(&world, "one").await.unwrap();
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": head, "commits": 1}));
    assert_eq!(git(&server.path("busy"), &["rev-parse", "caisson/run"]), head);
    // For each of both: the list of branches fails twice, and is asked for again before each of three transfers.
    assert_eq!(server.asked("busy.git"), 2 * (2 + 3 + 3));
}

#[tokio::test]
async fn what_a_remote_refuses_is_asked_once() {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    let (code, _) = clone_fails(&world, &server.url("private"), json!({})).await;
    assert_eq!((code, server.asked("private.git")), (GitFailureCode::AuthRequired, 1));
}

/// A hook that says this and ends so.
fn hook(bare: &Path, name: &str, said: &str, code: u8) {
    write_script(&bare.join("hooks").join(name), &format!("printf '{said}' >&2; exit {code}"));
}

#[tokio::test]
async fn every_line_of_a_hook_is_told_in_any_encoding() {
    let (world, server, base) = cloned_as("demo").await;
    fs::write(world.workspace().join("new"), "x").unwrap();
    let head = commit(&world, "one").await.unwrap();
    let bare = server.path("demo");
    hook(&bare, "pre-receive", r"\033[31mHouse rules:\033[0m\n- a ticket\n- f\374r alle\n", 1);
    let (code, why) = push_fails(&world, push_body(&base)).await;
    assert_eq!(code, "rejected");
    assert!(why.ends_with("declined. The remote says:\nHouse rules:\n- a ticket\n- für alle"), "{why}");
    hook(&bare, "pre-receive", "", 0);
    hook(&bare, "post-receive", r"\nCreate a pull request:\n  https://git.example/pulls/new\n\n", 0);
    let pushed = world.call("/push", push_body(&base)).await;
    let notices = ["The remote says about the push: Create a pull request:\n  https://git.example/pulls/new"];
    assert_eq!(pushed, json!({"headCommit": head, "commits": 1, "notices": notices}));
}

#[tokio::test]
async fn names_that_are_not_utf_8_do_not_matter() {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    let bare = server.demo("demo");
    let main = fs::read(bare.join("refs/heads/main")).unwrap();
    // More than a pipe would hold, if each of them were complained about.
    for n in 0..600 {
        let name = [b"caf\xe9-".as_slice(), n.to_string().as_bytes()].concat();
        for kind in ["heads", "tags"] {
            fs::write(bare.join("refs").join(kind).join(std::ffi::OsStr::from_bytes(&name)), &main).unwrap();
        }
    }
    world.call("/init-git", json!({"githubUsername": "Ada", "email": "ada@example.org"})).await;
    let (base, _) = clone(&world, &server.url("demo"), json!({"workBranch": "caisson/run"})).await;
    fs::write(world.workspace().join("new"), "x").unwrap();
    let head = commit(&world, "one").await.unwrap();
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": head, "commits": 1}));
}

#[tokio::test]
async fn a_refusal_that_is_not_utf_8_is_a_refusal() {
    let (world, server, base) = cloned_as("odd").await;
    fs::write(world.workspace().join("new"), "x").unwrap();
    commit(&world, "one").await.unwrap();
    hook(&server.path("odd"), "pre-receive", "no", 1);
    let (code, why) = push_fails(&world, push_body(&base)).await;
    assert_eq!(code, "rejected", "{why}");
    assert!(why.contains("The remote says: no") && !why.contains("panic"), "{why}");
}

/// A commit of this repository that is on no branch.
fn aside(bare: &Path, message: &str) -> String {
    git(bare, &["commit-tree", "main^{tree}", "-p", "main", "-m", message])
}

#[tokio::test]
async fn what_is_neither_branch_nor_tag_is_fetched_by_its_name() {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    let bare = server.demo("demo");
    let proposed = aside(&bare, "proposed");
    git(&bare, &["update-ref", "refs/pull/7/head", &proposed]);
    for depth in [Value::Null, json!(1)] {
        let world = World::start(ANSWER).await;
        let _link = crate::git_server::dial(&world, server.address).await;
        let more = json!({"ref": "refs/pull/7/head", "depth": depth});
        assert_eq!(clone(&world, &server.url("demo"), more).await.0, proposed);
    }
}

#[tokio::test]
async fn a_commit_on_no_branch_is_fetched_where_the_server_gives_it_out() {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    let bare = server.demo("demo");
    let id = aside(&bare, "nowhere");
    let (code, why) = clone_fails(&world, &server.url("demo"), json!({"ref": id})).await;
    assert_eq!(code, GitFailureCode::UnknownRef, "{why}");
    assert!(why.contains("no branch and no tag") && why.contains(&id), "{why}");
    git(&bare, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    assert_eq!(clone(&world, &server.url("demo"), json!({"ref": id})).await.0, id);
}

#[tokio::test]
async fn a_submodules_commit_on_no_branch_is_fetched_too() {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    let (outer, inner) = (server.demo("demo"), server.demo("inner"));
    git(&inner, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let pinned = aside(&inner, "pinned");
    let work = outer.parent().unwrap().join("demo-work");
    let modules = "[submodule \"inner\"]\n\tpath = inner\n\turl = ../inner.git\n";
    fs::write(work.join(".gitmodules"), modules).unwrap();
    git(&work, &["add", ".gitmodules"]);
    git(&work, &["update-index", "--add", "--cacheinfo", &format!("160000,{pinned},inner")]);
    git(&work, &["commit", "-q", "-m", "pin"]);
    git(&work, &["push", "-q", "origin", "HEAD:main"]);
    clone(&world, &server.url("demo"), json!({"submodules": [server.url("inner")]})).await;
    assert_eq!(git(&world.workspace().join("inner"), &["rev-parse", "HEAD"]), pinned);
}

#[tokio::test]
async fn a_repository_with_sha_256_names_is_refused_in_words() {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    let (bare, demo) = (server.path("new"), server.demo("demo"));
    let folder = demo.parent().unwrap();
    git(folder, &["init", "-q", "--bare", "-b", "main", "--object-format=sha256", bare.to_str().unwrap()]);
    let tree = git(&bare, &["hash-object", "-w", "-t", "tree", "/dev/null"]);
    let commit = git(&bare, &["commit-tree", &tree, "-m", "first"]);
    git(&bare, &["update-ref", "refs/heads/main", &commit]);
    let last = clone_lines(&world, &server.url("new"), json!({})).await.pop();
    let Some(CloneLine::Failed(failure)) = last else { panic!("{last:?}") };
    assert!(failure.message.contains("SHA-256"), "{failure:?}");
}
