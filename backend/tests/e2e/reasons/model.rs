//! The model refuses, is overloaded, or does not exist.

use api::run::Reason;

use crate::harness::{World, ends, launch, launch_with, step};

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_the_model_refuses_ends_the_run_at_once() {
    // The agent itself would try ten times, for minutes: the test's patience is shorter than that.
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[unauthorized]]", &[])], &world.repository("sample")).await;
    let run = ends(&client, run.id, Reason::AuthFailed).await;
    assert!(run.detail.expect("a detail").contains("401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_no_success() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[rate limit]]", &[])], &world.repository("sample")).await;
    ends(&client, run.id, Reason::RateLimited).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_model_is_unavailable_after_the_allowed_tries() {
    let world = World::start(&["--model-retries=1"]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[overloaded]]", &[])], &world.repository("sample")).await;
    ends(&client, run.id, Reason::ModelUnavailable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_the_task_does_not_allow_is_a_wrong_setting() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    // Only the agent knows what it asks for when it is told `sonnet`.
    let repository = world.repository("sample");
    let run = launch_with(&client, "Say hello.", &repository, |task| {
        task.model = Some("sonnet".to_owned());
        task.models = vec!["claude-sonnet-0-*".to_owned()];
    });
    let run = ends(&client, run.await.id, Reason::InvalidConfiguration).await;
    let detail = run.detail.expect("a detail");
    assert!(detail.contains("is not among this task's `models`: claude-sonnet-0-*"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_exist_is_a_wrong_setting() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[no such model]]", &[])], &world.repository("sample")).await;
    let run = ends(&client, run.id, Reason::InvalidConfiguration).await;
    assert!(run.detail.expect("a detail").contains("model"));
}
