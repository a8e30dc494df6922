//! The model refuses, is overloaded, or does not exist.

use api::run::Reason;

use crate::harness::{World, ends, launch, step};

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
async fn a_model_that_does_not_exist_is_a_wrong_setting() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[no such model]]", &[])], &world.repository("sample")).await;
    let run = ends(&client, run.id, Reason::InvalidConfiguration).await;
    assert!(run.detail.expect("a detail").contains("model"));
}
