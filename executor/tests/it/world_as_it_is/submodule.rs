//! A submodule's commits and edits are carried out or named; the branch is never at a commit nobody has.

use super::{run::Run, saved::Saved};

/// A run on a repository with the submodule `lib`, whose agent has done this.
async fn after(script: &str) -> Run {
    let repository = "
        printf '[submodule \"lib\"]\\n\\tpath = lib\\n\\turl = %s\\n' \"$INNER\" > .gitmodules; echo x > x
        git add -A; git update-index --add --cacheinfo 160000,$(git -C ../inner.git rev-parse main),lib
        git commit -qm one";
    let run = Run::with_submodules(&["inner"], repository).await;
    run.agent(script);
    run
}

/// Only `x` changes; what the agent wrote into `lib` is kept, and named by the submodule's name.
async fn is_kept(script: &str) {
    let run = after(&format!("{script}\necho edited > x")).await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["M x"], "{:#?}", out.result);
    let named = out.places().iter().chain(&out.not_committed()).any(|name| name.contains("lib"));
    assert!(named, "{:#?}", out.result);
    assert!(Saved::of(&run).await.has("mine\n"), "{:#?}", out.result);
}

mod is_kept {
    use super::is_kept;

    forms! { is_kept:
        when_it_is_a_commit => "cd lib; echo mine > mine; git add mine; git commit -qm mine; cd ..";
        when_it_is_a_commit_on_a_branch =>
            "cd lib; git switch -qc topic; echo mine > mine; git add mine; git commit -qm mine; cd ..";
        when_it_is_a_commit_on_another_branch =>
            "cd lib; git switch -qc topic; echo mine > mine; git add mine; git commit -qm mine
             git switch -q --detach HEAD~1; cd ..";
        when_it_is_an_edit => "echo mine > lib/README.md";
        when_it_is_a_new_file => "echo mine > lib/mine";
        when_it_is_a_staged_file => "echo mine > lib/mine; git -C lib add mine";
        when_it_is_a_stash => "echo mine > lib/README.md; git -C lib stash -q";
        when_it_is_a_commit_and_the_repository_is_broken =>
            "cd lib; echo mine > mine; git add mine; git commit -qm mine; cd ..; echo garbage > .git/index";
        when_its_link_was_staged =>
            "cd lib; echo mine > mine; git add mine; git commit -qm mine; cd ..; git add lib";
        when_its_link_was_committed =>
            "cd lib; echo mine > mine; git add mine; git commit -qm mine; cd ..; git commit -qam bump";
        when_its_link_was_committed_twice =>
            "cd lib; echo mine > mine; git add mine; git commit -qm mine; cd ..; git commit -qam bump
             cd lib; echo more > more; git add more; git commit -qm more; cd ..; git commit -qam bump";
        when_its_repository_lost_its_link => "rm -rf lib/.git; echo mine > lib/mine";
        when_its_repository_is_broken => "echo mine > lib/mine; rm -rf .git/modules/*/objects lib/.git/objects";
        when_its_repository_is_a_new_one =>
            "rm -rf lib/.git; cd lib; git init -q; echo mine > mine; git add -A; git commit -qm all; cd ..";
        when_the_outer_repository_is_gone => "echo mine > lib/mine; rm -rf .git";
        when_the_outer_repository_is_a_new_one =>
            "echo mine > lib/mine; rm -rf .git; git init -q";
    }
}

#[tokio::test]
async fn a_commit_that_its_remote_has_moves_the_link() {
    for commit in ["", "git commit -qam bump"] {
        let run = after("").await;
        let inner = run.server.path("inner");
        let newer =
            crate::git_server::git(&inner, &["commit-tree", "main^{tree}", "-p", "main", "-m", "newer"]);
        crate::git_server::git(&inner, &["update-ref", "refs/heads/main", &newer]);
        // As after a fetch: the agent's submodule knows that its remote has the commit.
        let pack = run.outside().join("objects");
        let copy = std::process::Command::new("cp").arg("-r").arg(inner.join("objects")).arg(&pack).status();
        assert!(copy.unwrap().success());
        run.agent(&format!(
            "cd lib; echo \"$OUTSIDE/objects\" > $(git rev-parse --git-path objects)/info/alternates
             git update-ref refs/remotes/origin/main {newer}; git checkout -q {newer}; cd ..; {commit}"
        ));
        let out = run.out().await;
        assert_eq!(out.changes(), ["M lib"], "{:#?}", out.result);
        assert_eq!(out.tree()["lib"], format!("160000 commit {newer}"));
    }
}

#[tokio::test]
async fn a_rescue_moves_no_link_to_a_commit_that_nobody_has() {
    let run =
        after("cd lib; echo mine > mine; git add mine; git commit -qm mine; cd ..; git commit -qam bump")
            .await;
    let outer = run.agent("git rev-parse HEAD");
    run.rescue().await;
    run.push().await;
    assert_eq!(run.remote("for-each-ref refs/heads/caisson"), "");
    let saved = Saved::of(&run).await;
    assert!(saved.has("mine\n") && saved.has_commit(&outer), "{:?}", saved.artifacts);
}

#[tokio::test]
async fn a_submodule_that_was_closed_brings_its_work() {
    let run = after("echo mine > lib/mine; chmod 000 lib; echo edited > x").await;
    assert_eq!(run.out().await.changes(), ["M x"]);
    assert!(Saved::of(&run).await.has("mine\n"));
}

#[tokio::test]
async fn an_older_commit_of_its_history_moves_the_link() {
    let run = after("git -C lib checkout -q HEAD~1").await;
    let out = run.out().await;
    assert_eq!((out.changes(), out.places()), (vec!["M lib".to_owned()], vec![]));
}

#[tokio::test]
async fn a_submodule_that_nobody_touched_is_nothing() {
    for script in ["", "git submodule status >/dev/null; git -C lib status >/dev/null", "touch lib/README.md"]
    {
        let run = after(script).await;
        let out = run.out().await;
        assert_eq!((out.commits, out.places(), out.not_committed()), (0, vec![], vec![]), "{script}");
    }
}

#[tokio::test]
async fn a_submodule_that_was_removed_is_removed() {
    for script in
        ["git rm -q lib", "git rm -q lib; git commit -qm removed", "git rm -q lib; rm -rf .git/modules"]
    {
        assert_eq!(after(script).await.out().await.changes(), ["M .gitmodules", "D lib"], "{script}");
    }
}

#[tokio::test]
async fn a_submodule_that_was_emptied_or_closed_is_not_removed() {
    for script in ["rm -rf lib/* lib/.git", "git submodule deinit -q -f lib", "chmod 000 lib"] {
        let run = after(&format!("{script}; echo edited > x")).await;
        assert_eq!(run.out().await.changes(), ["M x"], "{script}");
    }
}

#[tokio::test]
async fn a_submodule_of_a_repository_on_this_disk_is_its_files() {
    for commit in ["", "git commit -qm added"] {
        let run = after(&format!(
            "git init -q \"$OUTSIDE/tool\"; cd \"$OUTSIDE/tool\"; echo mine > mine; git add mine; git commit -qm mine; cd - >/dev/null
             git -c protocol.file.allow=always submodule --quiet add \"$OUTSIDE/tool\" tool; {commit}"
        ))
        .await;
        let out = run.out().await;
        assert!(Saved::of(&run).await.has("mine\n"));
        let links = out.tree().values().filter(|entry| entry.starts_with("160000")).count();
        assert_eq!(links, 1, "{:?}", out.tree());
    }
}

#[tokio::test]
async fn a_worktree_of_a_submodule_keeps_its_work() {
    let run =
        after("git -C lib worktree add -q -b side \"$OUTSIDE/w\"; echo mine > \"$OUTSIDE/w/mine\"").await;
    let out = run.out().await;
    assert_eq!(out.commits, 0);
    assert!(Saved::of(&run).await.has("mine\n"), "{:#?}", out.result);
}
