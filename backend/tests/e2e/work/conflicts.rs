//! A merge that was left half done goes back to the agent, and fails the run when it stays so.

use api::run::Reason;

use super::script::{done, world};

/// Two branches that change the same line, and a merge of them that stops.
const CONFLICT: &str = "
    set -e; git config user.name A; git config user.email a@localhost
    git switch -qc other; echo theirs > c.txt; git commit -qam Theirs; git switch -q -
    echo ours > c.txt; git commit -qam Ours; git merge other || true";
const RESOLVED: &str = "echo both > c.txt && git add c.txt && git commit -qm Merged";
const FILES: &[(&str, &str)] = &[("c.txt", "c\n")];

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_goes_back_to_the_agent_and_its_merge_keeps_both_parents() {
    let done = done(world(CONFLICT, RESOLVED, &[]).await, FILES).await;
    done.ended(Reason::Completed);
    assert_eq!(done.file("c.txt"), "both");
    let parents = done.world.git("sample", &["rev-list", "--parents", "-1", &done.run.branch]);
    assert_eq!(parents.split_whitespace().count(), 3, "{parents}");
    let given_back = done.notices().iter().filter(|text| text.starts_with("Given back to the agent")).count();
    assert_eq!((given_back, done.run.attempt), (1, 2), "{:?}", done.notices());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_nobody_resolves_fails_the_run_and_no_marker_is_pushed() {
    let done = done(world(CONFLICT, "true", &["--check-attempts=1"]).await, FILES).await;
    let detail = done.ended(Reason::Conflicts).to_owned();
    assert!(detail.contains("after 2 attempts at step 1") && detail.contains("c.txt"), "{detail}");
    let branches = done.world.git("sample", &["branch", "--list", &done.run.branch]);
    let pushed = if branches.is_empty() { String::new() } else { done.file("c.txt") };
    assert!(!pushed.contains("<<<<<<<"), "{pushed}");
    let kept = ["branch.bundle", "elsewhere.bundle", "uncommitted.patch", "workspace.tar.gz"];
    assert!(kept.iter().any(|name| done.keeps(name) && detail.contains(name)), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conflict_markers_in_a_plain_file_go_back_too() {
    let stash = "
        set -e; git config user.name A; git config user.email a@localhost
        echo stashed > c.txt; git stash -q; echo ours > c.txt; git commit -qam Ours; git stash pop || true";
    let done = done(world(stash, "echo both > c.txt && git add c.txt", &[]).await, FILES).await;
    done.ended(Reason::Completed);
    assert_eq!(done.file("c.txt"), "both");
}
