//! What the agent leaves in its repository.

use std::fs;

use api::event::Verdict;
use serde_json::json;

use super::Left;
use crate::{
    git::{commit, push_body},
    git_server::git,
};

/// Each moves what says where the remote is.
const MOVED: [&str; 5] = [
    "git update-ref refs/remotes/origin/main HEAD; git pack-refs --all; git tag -f v1 HEAD",
    "git branch -q origin/main; git symbolic-ref refs/remotes/origin/main refs/heads/caisson/run",
    "git replace -f $BASE HEAD",
    "git rev-parse HEAD > .git/shallow; git update-ref refs/remotes/origin/main HEAD",
    "git config remote.origin.fetch '+refs/heads/caisson/run:refs/remotes/origin/main'; git update-ref -d refs/remotes/origin/main",
];

#[tokio::test]
async fn references_say_what_was_fetched() {
    for moved in MOVED {
        let agent = format!(
            "BASE=$(git rev-parse origin/main); echo 'bad' > bad.js; git add -A; git commit -qm Bad\n{moved}"
        );
        let left = Left::by(&agent).await;
        // Nothing bad may have come to what was fetched.
        left.both("! git diff --name-only origin/main... | grep -q bad.js", Verdict::Failed).await;
        let honest = format!(
            "set -e; test \"$(git rev-parse origin/main)\" = {}; git merge-base --is-ancestor origin/main HEAD
             git log --format=%s origin/main.. | grep -x Bad; test \"$(git describe --tags)\" = v1-2-g$(git rev-parse --short HEAD)
             test -z \"$(git status --porcelain)\"; git diff --exit-code; git remote get-url origin
             test \"$(git symbolic-ref refs/remotes/origin/HEAD)\" = refs/remotes/origin/main",
            left.base
        );
        left.both(&honest, Verdict::Passed).await;
    }
}

/// What the agent leaves in its repository, and what a check sees of it when it is there.
const LEFT_IN_THE_REPOSITORY: [(&str, &str); 7] = [
    ("git config alias.proof '!true'", "git proof"),
    ("git tag proof", "git rev-parse -q --verify proof"),
    ("git branch other", "git rev-parse -q --verify refs/heads/other"),
    (
        "printf '#!/bin/sh\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
        "test -x .git/hooks/pre-commit",
    ),
    ("echo '* -diff' > .git/info/attributes", "git check-attr diff README.md | grep unset"),
    ("git fetch -q origin main", "test -e .git/FETCH_HEAD"),
    ("git reset -q --soft HEAD", "grep reset .git/logs/HEAD"),
];

#[tokio::test]
async fn what_the_agent_left_in_its_repository_is_not_seen() {
    let agent = LEFT_IN_THE_REPOSITORY.map(|(agent, _)| agent).join("\n");
    let left = Left::by(&format!("{agent}\necho x.bad > .git/info/exclude; touch x.bad")).await;
    let sees =
        LEFT_IN_THE_REPOSITORY.map(|(_, sees)| format!("if {sees}; then echo 'SEEN: {sees}'; fi")).join("\n");
    let check = format!("({sees}) 2> /dev/null | tee /dev/stderr | grep SEEN");
    left.both(&check, Verdict::Failed).await;
    // What only the agent's own settings ignore is a file that nobody committed.
    let ran = left.checks(json!(["git status --porcelain | grep 'x.bad'"])).await;
    assert_eq!(ran[0].verdict, Verdict::Passed, "{ran:#?}");
}

#[tokio::test]
async fn a_committed_file_that_the_agent_hid_is_judged() {
    let agent = "printf 'exit 1\\n' > strict.sh; git add -A; git commit -qm Strict; git sparse-checkout set --no-cone '/*' '!strict.sh'";
    let left = Left::by(agent).await;
    left.both("test ! -e strict.sh || bash strict.sh", Verdict::Failed).await;
}

#[tokio::test]
async fn a_change_that_the_index_hides_is_seen() {
    let left = Left::by("true").await;
    let workspace = left.world.workspace();
    git(&workspace, &["update-index", "--assume-unchanged", "README.md"]);
    fs::write(workspace.join("README.md"), "changed\n").unwrap();
    assert_eq!(git(&workspace, &["status", "--porcelain"]), "");
    assert_eq!(left.checks(json!(["git diff --exit-code"])).await[0].verdict, Verdict::Failed);
}

#[tokio::test]
async fn the_agents_repository_comes_back_as_it_was_and_its_work_goes_on() {
    let agent = "git config user.signingkey mine; echo a > a; git add a; git commit -qm One; git branch side; git stash list; echo '#' >> .git/info/exclude";
    let left = Left::by(agent).await;
    let workspace = left.world.workspace();
    let state = || {
        let at = |path: &str| fs::read(workspace.join(path)).unwrap();
        (
            at(".git/config"),
            at(".git/info/exclude"),
            at(".git/HEAD"),
            at(".git/index"),
            git(&workspace, &["show-ref"]),
        )
    };
    let before = state();
    let ran = left.checks(json!(["git tag made && git config a.b c && git commit -q --allow-empty -m X && git update-ref -d refs/remotes/origin/main", "exit 1"])).await;
    assert_eq!(ran[0].verdict, Verdict::Passed, "{ran:#?}");
    assert!(before == state());
    assert_eq!(git(&workspace, &["status", "--porcelain"]), "");
    fs::write(workspace.join("b"), "b\n").unwrap();
    assert!(commit(&left.world, "Two").await.is_some());
    let answer = left.world.call("/push", push_body(&left.base)).await;
    assert_eq!(answer["commits"], 2, "{answer}");
    let files = git(&left.server.path("demo"), &["ls-tree", "--name-only", "caisson/run"]);
    assert!(files.contains("a\nb"), "{files}");
}
