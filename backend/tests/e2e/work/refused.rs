//! A push that the remote refuses is tried once, and the end says where the commits are.

use api::run::Reason;

use super::script::{done, work, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_push_is_not_done_twice_and_its_commits_are_kept() {
    let world = world("echo 1 > f.txt", "true", &[]).await;
    world.repository("sample");
    let count = world.dir().join("pushes");
    world.hook("sample", &format!("echo >> {}; echo not today >&2; exit 1", count.display()));
    let client = world.client().await;
    let steps = vec![crate::harness::step("Do it.", &[])];
    let run = crate::harness::launch(&client, steps, &world.url("sample")).await;
    let run = crate::harness::ends(&client, run.id, Reason::PushFailed).await;
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 1, "one push");
    let detail = run.detail.unwrap_or_default();
    assert!(detail.contains("branch.bundle has the commits that were not pushed"), "{detail}");
    assert!(detail.contains(&format!("caisson runs artifact {}", run.id)), "{detail}");
    let names: Vec<_> = run.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert!(names.contains(&"branch.bundle") && names.contains(&"changes.patch"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_the_agent_committed_goes_back_and_is_not_pushed() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----";
    let commit = format!(
        "echo '{key}' > id_ed25519 && echo 1 > f.txt && git add -A && \
         git -c user.name=A -c user.email=a@localhost commit -qm Key"
    );
    let undo = "git reset -q --soft HEAD^ && git rm -q --cached id_ed25519 && rm id_ed25519";
    let done = done(world(&commit, undo, &[]).await, &[]).await;
    done.ended(Reason::Completed);
    assert_eq!(done.files(), ["README.md", "f.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_is_named_only_when_it_is_kept() {
    let done = work("echo 1 > f.txt", &[]).await;
    let detail = done.ended(Reason::Completed);
    assert_eq!(detail, format!("All done; the work is on branch {}.", done.run.branch));
    assert!(done.keeps("changes.patch") && done.patch().await.contains("f.txt"));
}
