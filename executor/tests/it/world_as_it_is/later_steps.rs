//! A later step never drops what an earlier one pushed.

use api::executor::ObjectionKind;

use super::{run::Run, saved::Saved};

/// The first step pushed `first`.
async fn second_step(script: &str) -> Run {
    let run = Run::after("echo first > first; git add first; git commit -qm first").await;
    assert_eq!(run.out().await.changes(), ["A first"]);
    run.agent(script);
    run
}

/// Both steps' work is on the branch, and the first step's commit is still a part of it.
async fn both_go_out(script: &str) {
    let run = second_step(script).await;
    let first = run.remote("rev-parse caisson/run");
    let out = run.out().await;
    assert_eq!(out.changes(), ["A first", "A second"]);
    assert!(out.has(&first), "the first step's commit is not part of the branch");
    assert_eq!(run.agent("git status --porcelain; git rev-parse HEAD"), out.head);
}

mod both_go_out {
    use super::both_go_out;

    forms! { both_go_out:
        when_the_second_adds_to_the_branch => "echo second > second";
        when_the_second_begins_a_branch_at_main =>
            "git switch -qc two origin/main; echo second > second; git add second; git commit -qm second";
        when_the_second_leaves_its_branch_uncommitted =>
            "git switch -qc two origin/main; echo second > second";
        when_the_second_moves_the_branch_to_main =>
            "git checkout -qB caisson/run origin/main; echo second > second; git add second; git commit -qm second";
        when_the_second_resets_the_branch =>
            "git reset -q --hard origin/main; echo second > second";
        when_the_second_is_on_a_detached_head =>
            "git checkout -q origin/main; echo second > second; git add second; git commit -qm second";
        when_the_second_removes_the_branch =>
            "git switch -qc two origin/main; git branch -qD caisson/run; echo second > second";
        when_the_second_removes_the_repository => "rm -rf .git; echo second > second";
        when_the_second_makes_a_new_repository =>
            "rm -rf .git; git init -q; git add -A; echo second > second; git add -A; git commit -qm all";
        when_the_second_breaks_the_head => "echo garbage > .git/HEAD; echo second > second";
        when_the_second_breaks_the_branch =>
            "echo garbage > .git/refs/heads/caisson/run; echo second > second";
        when_the_second_removes_all_objects => "rm -rf .git/objects; echo second > second";
        when_the_second_makes_the_history_shallow =>
            "git rev-parse HEAD > .git/shallow; echo second > second; git add second; git commit -qm second";
        when_the_second_is_in_a_sparse_checkout =>
            "git sparse-checkout set src; echo second > second";
        when_the_second_has_many_commits_elsewhere =>
            "git switch -qc two origin/main; for n in 1 2 3; do echo $n > second; git add second
             git commit -qm $n; done; echo second > second; git commit -qam last";
        when_the_second_merges_the_remotes_main =>
            "git switch -qc two origin/main; git commit -q --allow-empty -m empty; git merge -q -m m caisson/run
             echo second > second";
        when_the_second_picks_the_first =>
            "git switch -qc two origin/main; echo second > second; git add second; git commit -qm second
             git merge -q -m both caisson/run";
    }
}

#[tokio::test]
async fn a_rewrite_that_loses_nothing_replaces_what_was_pushed() {
    for rewrite in [
        "git commit -q --amend -m better",
        "echo second > second; git add second; git commit -q --amend --no-edit",
        "echo second > second; git add second; git commit -qm second; git reset -q --soft origin/main; git commit -qm one",
    ] {
        let run = second_step(rewrite).await;
        let head = run.agent("git rev-parse HEAD");
        let out = run.out().await;
        assert_eq!((out.head.as_str(), out.commits), (head.as_str(), 1), "{rewrite}");
        assert!(out.changes().contains(&"A first".to_owned()));
    }
}

#[tokio::test]
async fn a_step_that_only_went_back_keeps_what_was_pushed() {
    for back in
        ["git reset -q --hard origin/main", "git switch -q -c two origin/main", "git checkout -q HEAD~1"]
    {
        let run = second_step(back).await;
        let out = run.out().await;
        assert_eq!(out.changes(), ["A first"], "{back}");
    }
}

#[tokio::test]
async fn a_step_that_undoes_an_earlier_one_in_a_commit_undoes_it() {
    let run = second_step("git revert --no-edit HEAD >/dev/null").await;
    assert_eq!(run.out().await.changes(), [""; 0]);
    let run = second_step("git rm -q first").await;
    assert_eq!(run.out().await.changes(), [""; 0]);
}

#[tokio::test]
async fn an_orphan_branch_does_not_replace_what_was_pushed() {
    let run = second_step(
        "git switch -q --orphan two; echo second > second; git add second; git commit -qm second",
    )
    .await;
    let out = run.out().await;
    assert_eq!(out.changes(), ["A first"]);
    assert!(out.places().iter().any(|place| place.contains("two")), "{:?}", out.places());
    assert!(Saved::of(&run).await.has("second\n"));
}

#[tokio::test]
async fn work_that_cannot_be_merged_with_what_was_pushed_goes_back_to_the_agent() {
    for step in [
        "git switch -qc two origin/main; echo second > first; git add first; git commit -qm second",
        "git switch -qc two origin/main; echo second > first",
        "git checkout -qB caisson/run origin/main; echo second > first; git add first; git commit -qm second",
        "git switch -qc two origin/main; mkdir first; echo second > first/file; git add first; git commit -qm second",
    ] {
        let run = second_step(step).await;
        let text = run.objected(ObjectionKind::Diverged).await;
        assert!(text.contains("first"), "{text}");
        let pushed = run.remote("rev-parse caisson/run");
        // The agent has what it needs to merge.
        assert_eq!(run.agent(&format!("git cat-file -t {pushed}")), "commit");
        run.agent(&format!(
            "git add -A; git diff --cached --quiet || git commit -qm second
             git merge -q {pushed} >/dev/null || true; git rm -rqf . >/dev/null; git checkout -q {pushed} -- .
             echo both > both; git add -A; git commit -qm both"
        ));
        let out = run.out().await;
        assert_eq!(out.changes(), ["A both", "A first"], "{step}");
        assert!(out.has(&pushed), "{step}");
    }
}

#[tokio::test]
async fn what_was_pushed_is_known_after_a_restart() {
    let run = second_step("git switch -qc two origin/main; echo second > second").await.restart().await;
    assert_eq!(run.out().await.changes(), ["A first", "A second"]);
}

#[tokio::test]
async fn what_was_pushed_is_known_after_a_restart_and_without_a_repository() {
    let run = second_step("rm -rf .git; rm README.md; echo second > second").await.restart().await;
    assert_eq!(run.out().await.changes(), ["D README.md", "A first", "A second"]);
}

#[tokio::test]
async fn work_that_was_committed_but_not_pushed_may_be_rewritten() {
    let run = Run::after("echo first > first").await;
    run.commit().await;
    run.agent("echo better > first; git commit -qa --amend -m better");
    let out = run.out().await;
    assert_eq!((out.text("first"), out.commits), ("better\n".to_owned(), 1));
}

#[tokio::test]
async fn work_that_was_committed_but_not_pushed_is_not_lost() {
    let run = Run::after("echo first > first").await;
    run.commit().await;
    run.agent("git switch -qc two origin/main; git branch -qD caisson/run; echo second > second");
    let out = run.out().await;
    assert!(out.changes().contains(&"A second".to_owned()));
    assert!(Saved::of(&run).await.has("first\n"));
}

#[tokio::test]
async fn a_commit_that_somebody_else_pushed_is_not_pushed_away() {
    let run = Run::after("echo first > first").await;
    run.out().await;
    let theirs = run.remote("commit-tree caisson/run^{tree} -p caisson/run -m theirs");
    run.remote(&format!("update-ref refs/heads/caisson/run {theirs}"));
    run.agent("echo second > second");
    run.commit().await;
    run.push_fails().await;
    assert_eq!(run.remote("rev-parse caisson/run"), theirs);
    assert!(Saved::of(&run).await.has("second\n"));
}
