//! The agent dies, hangs, uses up its turns or its time.

use api::{event::EventBody, run::Reason, task::RepositorySettings};

use crate::harness::{World, ends, events_of, launch, launch_with, step};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_has_crashed() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[suicide]]", &[])], &world.repository("sample")).await;
    let run = ends(&client, run.id, Reason::AgentCrashed).await;
    assert!(run.detail.expect("a detail").contains("signal 9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_end_after_its_result_has_hung() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    // The repository's own hook runs when the session is over, after the result.
    let hook = r#"{"hooks": {"SessionEnd": [{"hooks": [{"type": "command", "command": "sleep 300", "timeout": 600}]}]}}"#;
    world.commit("sample", ".claude/settings.json", hook);
    let trusted = RepositorySettings::Trusted;
    let run =
        launch_with(&client, "First step.", &repository, |task| task.repository_settings = trusted).await;
    let run = ends(&client, run.id, Reason::AgentHung).await;
    assert!(run.artifacts.iter().any(|artifact| artifact.name == "uncommitted.patch"), "its work is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_uses_up_its_turns_says_so() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[one more]]", &repository, |task| task.max_turns = Some(2)).await;
    ends(&client, run.id, Reason::MaxTurns).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_takes_too_long_is_ended() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[hang]]", &repository, |task| task.step_timeout_seconds = 2).await;
    let run = ends(&client, run.id, Reason::Timeout).await;
    assert!(run.detail.expect("a detail").contains("stepTimeoutSeconds"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_too_long_is_ended() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[hang]]", &repository, |task| task.timeout_seconds = 3).await;
    let run = ends(&client, run.id, Reason::Timeout).await;
    assert!(run.detail.expect("a detail").contains("`timeoutSeconds`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_told_with_what_is_known_and_nothing_is_killed() {
    let world = World::start(&["--silence-notice=10"]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[long tool]]", &repository, |task| task.step_timeout_seconds = 15).await;
    let events = events_of(&client, run.id).await;
    let told = events.iter().find_map(|event| match &event.body {
        EventBody::Notice(notice) if notice.about == "silence" => Some(notice.text.clone()),
        _ => None,
    });
    let told = told.expect("a notice");
    assert!(told.contains("Bash") && told.contains("processes"), "{told}");
    ends(&client, run.id, Reason::Timeout).await;
}
