//! Talking to a run: messages, questions, approvals, budgets. Each gate is answered once and survives restarts.

use api::{
    error::ApiError,
    event::EventBody,
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{Gate, GateKind, Reason, RunState},
    task::PermissionProfile,
};
use jsonrpsee::ws_client::WsClient;

use crate::harness::{World, client_run, docker, ends, events_of, follow, launch, launch_with, step};

/// Waits until the run waits at a gate of this kind.
async fn gate(client: &WsClient, run: RunId, kind: GateKind) -> Gate {
    let opened = |body: &EventBody| matches!(body, EventBody::Gate(gate) if gate.kind == kind && gate.answer.is_none());
    assert!(follow(client, run, |event| opened(&event.body)).await, "a gate opens");
    let run = client_run(client, run).await;
    assert_eq!(run.state, RunState::Waiting);
    run.gate.expect("a gate")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_waits_through_a_restart_and_is_answered_once() {
    let mut world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[ask me]]", &[])], &world.repository("sample")).await;
    let asked = gate(&client, run.id, GateKind::Question).await;
    assert_eq!(
        (asked.text.as_str(), asked.options.as_slice()),
        ("Which colour?", &["Red".to_owned(), "Blue".to_owned()][..])
    );
    world.restart().await;
    let client = world.client().await;
    assert_eq!(client_run(&client, run.id).await.gate.map(|gate| gate.id), Some(asked.id));
    client.answer(run.id, asked.id, "Blue".to_owned()).await.expect("answered");
    let again = client.answer(run.id, asked.id, "Red".to_owned()).await.expect_err("once");
    assert!(matches!(ApiError::of(&again), Some(ApiError::Conflict { .. })), "{again:?}");
    let events = events_of(&client, run.id).await;
    let heard = |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains("Blue") && line.raw.contains("tool_result"));
    assert!(events.iter().any(|event| heard(&event.body)), "the agent hears the answer");
    let answers =
        events.iter().filter(|event| matches!(&event.body, EventBody::Gate(gate) if gate.answer.is_some()));
    assert_eq!(answers.count(), 1);
    ends(&client, run.id, Reason::NoChanges).await;
}

async fn approval(answer: &str) -> (bool, Vec<api::event::Event>) {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[may I]]", &repository, |task| {
        task.permission_profile = PermissionProfile::Ask
    })
    .await;
    let asked = gate(&client, run.id, GateKind::Approval).await;
    assert!(asked.text.contains("echo allowed"), "{}", asked.text);
    client.answer(run.id, asked.id, answer.to_owned()).await.expect("answered");
    let events = events_of(&client, run.id).await;
    (client_run(&client, run.id).await.reason == Some(Reason::Completed), events)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_allows_is_done() {
    assert!(approval("allow").await.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_denies_is_not_done_and_the_agent_hears_why() {
    let (changed, events) = approval("not on a Friday").await;
    assert!(!changed);
    let heard =
        |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains("not on a Friday"));
    assert!(events.iter().any(|event| heard(&event.body)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_may_only_read_changes_nothing_asks_nobody_and_says_what_was_denied() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[may I]]", &repository, |task| {
        task.permission_profile = PermissionProfile::ReadOnly
    })
    .await;
    let run = ends(&client, run.id, Reason::AgentStopped).await;
    assert_eq!(run.denied.tools.len(), 1, "{:?}", run.denied);
    let detail = run.detail.unwrap_or_default();
    assert_eq!(detail, "Nothing was changed on the branch, but Bash was denied once.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_the_agent_while_it_works() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(
        &client,
        // The agent looks for it among what it was told.
        vec![step("[[listen]]", &["grep heard told.txt"])],
        &world.repository("sample"),
    )
    .await;
    let works = |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains("until test"));
    assert!(follow(&client, run.id, |event| works(&event.body)).await);
    client.send(run.id, "something from a person".to_owned()).await.expect("sent");
    assert!(
        follow(
            &client,
            run.id,
            |event| matches!(&event.body, EventBody::User(said) if said.text.contains("a person"))
        )
        .await
    );
    docker(&["exec", "--user", "1000", &world.container(), "touch", "/workspace/go"]);
    ends(&client, run.id, Reason::Completed).await;
    let over = client.send(run.id, "too late".to_owned()).await.expect_err("over");
    assert!(matches!(ApiError::of(&over), Some(ApiError::Conflict { .. })));
}

/// A price for whatever the scripted model is called.
pub fn prices(world: &std::path::Path) -> String {
    let file = world.join("prices.json");
    let price = r#"{"date": "2026-11-21", "source": "a test", "models": {"claude": {"input": 1000, "output": 1000, "cacheRead": 1000, "cacheWrite5m": 1000, "cacheWrite1h": 1000}}}"#;
    std::fs::write(&file, price).expect("a file");
    format!("--prices={}", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_budget_the_run_waits_and_goes_on_when_it_is_raised() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut world = World::start(&[&prices(dir.path())]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[dear]]", &repository, |task| task.budget_usd = Some(0.5)).await;
    let asked = gate(&client, run.id, GateKind::Budget).await;
    let waiting = client_run(&client, run.id).await;
    assert!(
        (1.0..1.1).contains(&waiting.cost.usd) && waiting.cost.known,
        "one call too far at most: {:?}",
        waiting.cost
    );
    let refused = client.answer(run.id, asked.id, "0.7".to_owned()).await.expect_err("less than is spent");
    assert!(matches!(ApiError::of(&refused), Some(ApiError::Invalid { .. })), "{refused:?}");
    world.restart().await;
    let client = world.client().await;
    client.answer(run.id, asked.id, "10".to_owned()).await.expect("raised");
    let run = ends(&client, run.id, Reason::Completed).await;
    assert!((3.0..3.1).contains(&run.cost.usd), "{:?}", run.cost);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_budget_a_person_can_stop_the_run_and_its_work_is_saved() {
    let dir = tempfile::tempdir().expect("a folder");
    let world = World::start(&[&prices(dir.path())]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch_with(&client, "[[dear]]", &repository, |task| task.budget_usd = Some(0.5)).await;
    let asked = gate(&client, run.id, GateKind::Budget).await;
    client.answer(run.id, asked.id, "stop".to_owned()).await.expect("stopped");
    let run = ends(&client, run.id, Reason::BudgetExhausted).await;
    assert!(run.artifacts.iter().any(|artifact| artifact.name == "uncommitted.patch"));
}
