//! What is kept beside the commits tells the truth: it is named, it is there, and it can be used.

use super::{run::Run, saved::Saved};
use crate::harness::write_script;

#[tokio::test]
async fn nothing_is_kept_of_a_run_whose_work_is_pushed() {
    let run = Run::after("echo a > a").await;
    run.out().await;
    assert_eq!(run.kept().await, []);
}

#[tokio::test]
async fn work_that_is_not_pushed_is_kept_as_a_bundle_of_the_branch() {
    let run = Run::after("echo a > a; git add a; git commit -qm a; echo b > b").await;
    let result = run.commit().await;
    let saved = Saved::of(&run).await;
    assert_eq!(saved.artifacts, ["branch.bundle"]);
    assert!(saved.has("a\n") && saved.has("b\n") && saved.has_commit(&result.head.unwrap()));
}

#[tokio::test]
async fn work_whose_push_was_refused_is_kept() {
    let run = Run::after("echo a > a").await;
    write_script(&run.bare().join("hooks/pre-receive"), "echo house rules >&2; exit 1");
    run.commit().await;
    run.push_fails().await;
    let saved = Saved::of(&run).await;
    assert!(saved.has("a\n") && saved.artifacts == ["branch.bundle"], "{:?}", saved.artifacts);
}

/// What leaves the run's line after its push was refused: a check may do so, or the agent's last command.
async fn is_kept_after(leaving: &str) {
    let run = Run::after("echo a > a").await;
    write_script(&run.bare().join("hooks/pre-receive"), "echo house rules >&2; exit 1");
    run.commit().await;
    run.push_fails().await;
    run.agent(leaving);
    run.rescue().await;
    let saved = Saved::of(&run).await;
    assert!(saved.has("a\n"), "{leaving}: {:?}", saved.artifacts);
}

#[tokio::test]
async fn work_whose_push_was_refused_is_kept_when_another_branch_is_checked_out() {
    is_kept_after("git switch -qc other HEAD~ && echo b > b && git add b && git commit -qm Other").await;
}

#[tokio::test]
async fn work_whose_push_was_refused_is_kept_when_its_branch_goes_back() {
    is_kept_after("git reset -q --hard HEAD~").await;
}

#[tokio::test]
async fn work_whose_push_was_refused_is_kept_when_an_orphan_branch_is_checked_out() {
    is_kept_after("git switch -q --orphan other && echo b > b && git add b && git commit -qm Other").await;
}

#[tokio::test]
async fn work_whose_push_was_refused_is_kept_when_the_repository_is_removed() {
    is_kept_after("rm -rf .git && rm -f a").await;
}

#[tokio::test]
async fn only_what_was_kept_can_be_downloaded() {
    let run = Run::after("echo KEY=1 > .env").await;
    run.out().await;
    assert_eq!(run.kept_status("left-out.tar.gz").await, 200);
    for name in
        ["nothing", "..", ".", "..%2f..%2fworkspace%2f.env", "%2fetc%2fpasswd", "left-out.tar.gz%00", "*"]
    {
        assert_eq!(run.kept_status(name).await, 404, "{name}");
    }
}

#[tokio::test]
async fn what_was_left_out_is_kept_with_its_size_and_its_place() {
    let run =
        Run::after("mkdir -p app; echo KEY=1 > app/.env; printf 'KEY=2' > .env; chmod 600 .env; mkfifo pipe")
            .await;
    let out = run.out().await;
    let sizes: Vec<_> =
        out.result.not_committed.iter().map(|left| (left.path.as_str(), left.bytes)).collect();
    for expected in [(".env", 5), ("app/.env", 6), ("pipe", 0)] {
        assert!(sizes.contains(&expected), "{sizes:?}");
    }
    let saved = Saved::of(&run).await;
    assert_eq!(saved.left_out("app/.env"), Some(b"KEY=1\n".as_slice()));
    assert_eq!(saved.left_out(".env"), Some(b"KEY=2".as_slice()));
}

#[tokio::test]
async fn what_is_kept_can_be_asked_for_again_after_a_restart() {
    let run = Run::after(
        "echo KEY=1 > .env; git switch -qc side; echo s > s; git add s; git commit -qm s; git switch -q -",
    )
    .await;
    run.out().await;
    let before: Vec<_> = run.kept().await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(before, ["elsewhere.bundle", "left-out.tar.gz"]);
    let run = run.restart().await;
    let after: Vec<_> = run.kept().await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_link_in_the_workspace_leads_no_artifact_out_of_it() {
    let run = Run::after("echo secret > \"$OUTSIDE/secret\"; mkdir app; ln -s \"$OUTSIDE/secret\" app/.env; ln -s \"$OUTSIDE\" node_modules").await;
    run.out().await;
    assert!(!Saved::of(&run).await.has("secret\n"));
}

#[tokio::test]
async fn a_rescue_keeps_what_is_committed_and_puts_nothing_else_on_the_branch() {
    let run = Run::after(
        "echo a > a; git add a; git commit -qm a; echo loose > loose; git stash -qu; echo loose2 > loose2",
    )
    .await;
    let result = run.rescue().await;
    let pushed = run.push().await;
    assert_eq!((result.commit, pushed.commits), (None, 1));
    assert_eq!(run.remote("ls-tree --name-only caisson/run a loose loose2"), "a");
    assert!(Saved::of(&run).await.has("loose\n"));
    assert!(run.workspace().join("loose2").exists());
}
