//! The executor's own git in a repository that the agent has prepared against it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    git::{clone_lines, cloned, commit, push_body},
    git_server::{GitServer, git},
    harness::{ANSWER, World, write_script},
};

/// Plants a program at every place where git would run one; each would leave a file in `ran`.
fn plant(workspace: &Path, ran: &Path) {
    let leave = |name: &str| {
        let program = ran.parent().unwrap().join(format!("plant-{name}"));
        write_script(&program, &format!("touch '{}'/{name}; cat; exit 1", ran.display()));
        program.to_str().unwrap().to_owned()
    };
    let hooks =
        ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "pre-push"];
    for hook in hooks.into_iter().chain(["post-index-change", "reference-transaction", "post-rewrite"]) {
        fs::copy(leave(hook), workspace.join(".git/hooks").join(hook)).unwrap();
    }
    let elsewhere = ran.parent().unwrap().join("hooks");
    fs::create_dir(&elsewhere).unwrap();
    fs::copy(leave("hooks-path"), elsewhere.join("pre-commit")).unwrap();
    let included = ran.parent().unwrap().join("included");
    fs::write(&included, format!("[core]\n\tsshCommand = {}\n", leave("included"))).unwrap();
    for (key, value) in [
        ("core.hooksPath", elsewhere.to_str().unwrap().to_owned()),
        ("core.fsmonitor", leave("fsmonitor")),
        ("core.sshCommand", leave("ssh")),
        ("core.gitProxy", leave("git-proxy")),
        ("core.editor", leave("editor")),
        ("core.askPass", leave("askpass")),
        ("credential.helper", leave("credential")),
        ("filter.evil.clean", leave("clean")),
        ("filter.evil.smudge", leave("smudge")),
        ("filter.evil.process", leave("process")),
        ("filter.evil.required", "true".to_owned()),
        ("filter.lfs.clean", leave("lfs")),
        ("diff.evil.textconv", leave("textconv")),
        ("diff.external", leave("external-diff")),
        ("merge.evil.driver", leave("merge")),
        ("gpg.program", leave("gpg")),
        ("commit.gpgSign", "true".to_owned()),
        ("push.gpgSign", "true".to_owned()),
        ("includeIf.gitdir:/.path", included.to_str().unwrap().to_owned()),
        ("remote.origin.uploadpack", leave("uploadpack")),
        ("remote.origin.receivepack", leave("receivepack")),
        ("protocol.ext.allow", "always".to_owned()),
    ] {
        git(workspace, &["config", key, &value]);
    }
    let attributes = "* filter=evil diff=evil merge=evil\n*.psd filter=lfs diff=lfs merge=lfs\n";
    fs::write(workspace.join(".git/info/attributes"), attributes).unwrap();
    fs::write(workspace.join(".gitattributes"), attributes).unwrap();
}

#[tokio::test]
async fn nothing_that_the_agent_planted_runs_in_a_diff_a_commit_or_a_push() {
    let (world, server, base) = cloned().await;
    let workspace = world.workspace();
    let ran = world.folder.path().join("ran");
    fs::create_dir(&ran).unwrap();
    plant(&workspace, &ran);
    fs::write(workspace.join("a.txt"), "new\n").unwrap();
    fs::write(workspace.join("README.md"), "changed\n").unwrap();
    let diff = world.call("/diff", json!({"baseCommit": base, "maxBytes": 1 << 20})).await;
    assert_eq!(diff["files"].as_array().unwrap().len(), 3, "{diff}");
    let head = commit(&world, "all").await.unwrap();
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": head, "commits": 1}));
    // What was committed are the files as they are.
    assert_eq!(git(&server.path("demo"), &["cat-file", "-p", "caisson/run:a.txt"]), "new");
    let left = || fs::read_dir(&ran).unwrap().flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
    assert!(left().is_empty(), "{:?}", left());
    // What was planted is alive: git itself runs it.
    let mut status = std::process::Command::new("git");
    status.args(["status", "--porcelain"]).current_dir(&workspace).output().unwrap();
    assert!(left().contains(&"fsmonitor".into()), "{:?}", left());
}

#[tokio::test]
async fn settings_of_the_repository_do_not_change_where_a_push_goes() {
    let (world, server, base) = cloned().await;
    let (workspace, other) = (world.workspace(), server.demo("other"));
    let local = world.folder.path().join("local.git");
    git(world.folder.path(), &["init", "-q", "--bare", local.to_str().unwrap()]);
    let relay = format!("http://{}/git/http/{}/", world.relay, server.address);
    let there = format!("file://{}", local.display());
    for (key, value) in [
        (format!("url.{there}.insteadOf"), format!("{relay}demo.git")),
        (format!("url.{there}.pushInsteadOf"), format!("{relay}demo.git")),
        (format!("url.{relay}other.git.pushInsteadOf"), "http://".to_owned()),
        ("remote.origin.url".to_owned(), server.url("other")),
        ("remote.origin.pushurl".to_owned(), server.url("other")),
        ("caisson.repository".to_owned(), server.url("other")),
        ("http.proxy".to_owned(), "http://127.0.0.1:9".to_owned()),
        (format!("remote.{relay}demo.git.proxy"), "http://127.0.0.1:9".to_owned()),
    ] {
        git(&workspace, &["config", "--add", &key, &value]);
    }
    fs::write(workspace.join("new"), "x").unwrap();
    let head = commit(&world, "one").await.unwrap();
    assert_eq!(world.call("/push", push_body(&base)).await, json!({"headCommit": head, "commits": 1}));
    let branches = |bare: &Path| git(bare, &["for-each-ref", "--format=%(objectname)", "refs/heads/caisson"]);
    assert_eq!(branches(&server.path("demo")), head);
    assert_eq!((branches(&other), branches(&local)), (String::new(), String::new()));
}

/// Commits these files and entries past git's own checks, on `main`.
fn commit_entries(server: &GitServer, entries: &[(&str, &str, &[u8])]) {
    let work = server.path("demo").with_file_name("demo-work");
    let repository = tree_of(&work, entries);
    let commit = git(&work, &["commit-tree", &repository, "-m", "hostile"]);
    git(&work, &["push", "-q", "-f", "origin", &format!("{commit}:refs/heads/main")]);
}

/// A tree of these entries as it is written, byte by byte: no program would make a hostile one.
fn tree_of(work: &Path, entries: &[(&str, &str, &[u8])]) -> String {
    let mut tree = Vec::new();
    for (mode, name, id) in entries {
        tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        tree.extend_from_slice(id);
    }
    hash_object(work, "tree", &tree)
}

fn hash_object(work: &Path, kind: &str, content: &[u8]) -> String {
    let file = work.join(".git/object-of-the-test");
    fs::write(&file, content).unwrap();
    git(work, &["hash-object", "-t", kind, "-w", "--literally", file.to_str().unwrap()])
}

fn id(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

async fn started() -> (World, GitServer, PathBuf) {
    let world = World::start(ANSWER).await;
    let server = GitServer::start(&world).await;
    server.demo("demo");
    let work = server.path("demo").with_file_name("demo-work");
    (world, server, work)
}

#[tokio::test]
async fn a_checkout_writes_through_no_link() {
    let (world, server, work) = started().await;
    let outside = world.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let link = id(&hash_object(&work, "blob", outside.to_str().unwrap().as_bytes()));
    let content = id(&hash_object(&work, "blob", b"planted\n"));
    let inner = id(&tree_of(&work, &[("100644", "planted", &content)]));
    // A link and a folder of the same name, in both orders, and in another case.
    for entries in [
        vec![("120000", "a", link.as_slice()), ("40000", "a", inner.as_slice())],
        vec![("40000", "a", inner.as_slice()), ("120000", "a", link.as_slice())],
        vec![("120000", "A", link.as_slice()), ("40000", "a", inner.as_slice())],
    ] {
        commit_entries(&server, &entries);
        clone_lines(&world, &server.url("demo"), json!({})).await;
        assert!(fs::read_dir(&outside).unwrap().next().is_none());
        for entry in fs::read_dir(world.workspace()).unwrap() {
            let path = entry.unwrap().path();
            let is_folder = fs::symlink_metadata(&path).unwrap().is_dir();
            let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.unwrap();
        }
    }
}

#[tokio::test]
async fn no_name_of_gits_own_folder_can_be_checked_out() {
    let (world, server, work) = started().await;
    let hook = id(&hash_object(&work, "blob", b"#!/bin/sh\ntouch ran\n"));
    let hooks = id(&tree_of(&work, &[("100755", "post-checkout", &hook)]));
    let inner = id(&tree_of(&work, &[("40000", "hooks", &hooks)]));
    for name in [".git", ".GIT", ".Git", "git~1", ".git ", ".git.", "..", ".", ".git::$INDEX_ALLOCATION"] {
        commit_entries(&server, &[("40000", name, &inner)]);
        let lines = clone_lines(&world, &server.url("demo"), json!({})).await;
        let workspace = world.workspace();
        assert!(!workspace.join(".git/hooks/post-checkout").exists(), "{name}: {lines:?}");
        assert!(
            !workspace.join("../hooks").exists() && !workspace.join("hooks").exists(),
            "{name}: {lines:?}"
        );
        assert!(fs::read_dir(&workspace).unwrap().next().is_none(), "{name} was checked out: {lines:?}");
    }
}

#[tokio::test]
async fn a_link_out_of_the_workspace_is_committed_as_a_link() {
    let (world, _server, _) = cloned().await;
    let secret = world.folder.path().join("secret");
    fs::write(&secret, "not yours").unwrap();
    symlink(&secret, world.workspace().join("way")).unwrap();
    commit(&world, "a link").await.unwrap();
    assert_eq!(git(&world.workspace(), &["show", "HEAD:way"]), secret.to_str().unwrap());
}
