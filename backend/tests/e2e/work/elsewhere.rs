//! Commits that are not on the run's branch are kept as a bundle and named.

use api::run::Reason;

use super::script::{done, work, world};

const COMMIT: &str = "git -c user.name=A -c user.email=a@localhost commit -q";

#[tokio::test(flavor = "multi_thread")]
async fn commits_on_another_branch_are_kept_and_named_and_not_called_nothing() {
    let command = format!(
        "git switch -qc feature && echo 1 > f.txt && git add -A && {COMMIT} -m One && echo 2 > f.txt && \
         {COMMIT} -am Two && git switch -q -"
    );
    let done = work(&command, &[]).await;
    let detail = done.ended(Reason::AgentStopped);
    assert_eq!(
        detail,
        "Nothing was changed on the branch, but branch feature has 2 commits (in elsewhere.bundle)."
    );
    let log = done.in_bundle("elsewhere.bundle", &["log", "--all", "--format=%s"]).await;
    assert!(log.lines().any(|line| line == "Two"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stash_beside_work_on_the_branch_is_named_in_a_run_that_succeeds() {
    let command = format!(
        "echo stashed >> README.md && git -c user.name=A -c user.email=a@localhost stash -q && \
         echo 1 > f.txt && git add -A && {COMMIT} -m One"
    );
    let done = work(&command, &[]).await;
    let detail = done.ended(Reason::Completed);
    assert!(detail.contains("Not on it: stash@{0} has"), "{detail}");
    assert_eq!(done.files(), ["README.md", "f.txt"]);
    assert!(done.keeps("elsewhere.bundle"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exceeds_the_setting_is_named_with_its_size_and_a_remedy() {
    let command =
        format!("git switch -qc feature && echo 1 > f && git add -A && {COMMIT} -m One && git switch -q -");
    let done = done(world(&command, "true", &["--keep-bytes=10"]).await, &[]).await;
    let detail = done.ended(Reason::AgentStopped);
    assert!(detail.contains("branch feature has 1 commit (not kept)"), "{detail}");
    let notices = done.notices();
    let said = notices.iter().find(|text| text.starts_with("elsewhere.bundle (")).expect("a notice");
    assert!(said.contains("--keep-bytes"), "{said}");
}
