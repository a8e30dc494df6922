//! The agent takes more than its share of the server: questions, its log, the names it gives, money, and all at once.

use std::time::Duration;

use api::{
    event::EventBody,
    id::RunId,
    rpc::{batches::BatchesApiClient, runs::RunsApiClient},
    run::{Gate, GateKind, Reason, Run},
};
use jsonrpsee::ws_client::WsClient;

use crate::harness::{World, client_run, create_task, ended, ends, events_of, follow, launch, step};
use testkit::siege::{FLOOR, MEMORY, hostile, siege};

/// What the agent says when everything was denied that should be.
const DENIED: &str = "184 were denied";

async fn attack(what: &str, more: &[&str]) -> (World, WsClient, Run) {
    let image = hostile();
    let world = World::start(&[&[image.as_str(), "--auto-retries=0"], more].concat()).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "attack", what);
    let run = launch(&client, vec![step("First step.", &[])], &repository).await;
    (world, client, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_without_end_are_denied_and_the_run_can_be_cancelled_after_a_restart() {
    // All its questions together are about as long as a log may be, which is another attack.
    let (mut world, client, run) = attack("questions", &["--log-bytes=512m"]).await;
    let denied = |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains(DENIED));
    let heard = follow(&client, run.id, |event| denied(&event.body)).await;
    assert!(heard, "{:?} {:?}", client_run(&client, run.id).await, notices(&client, run.id, "gate").await);
    let shown = client_run(&client, run.id).await;
    assert!(shown.gate.is_some(), "a person can answer the others");
    assert!(serde_json::to_string(&shown).unwrap().len() < 100_000, "the run stays small");
    assert!(shown.artifacts.iter().any(|it| it.name.starts_with("question-")), "{:?}", shown.artifacts);
    world.restart().await;
    let client = world.client().await;
    RunsApiClient::cancel(&client, run.id).await.expect("cancelled");
    let run = ends(&client, run.id, Reason::CancelledByUser).await;
    let notices = notices(&client, run.id, "gate").await;
    assert!((1..10).contains(&notices.len()), "told at 1, 10, 100: {notices:?}");
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_end_ends_the_run_and_its_work_is_saved() {
    let (world, client, run) = attack("log", &["--log-bytes=1m"]).await;
    let run = ends(&client, run.id, Reason::LogFull).await;
    assert!(run.detail.as_ref().is_some_and(|detail| detail.contains("CAISSON_LOG_BYTES")), "{run:?}");
    assert!(run.head_commit.is_some(), "{run:?} {:?}", notices(&client, run.id, "rescue").await);
    assert_eq!(world.git("sample", &["show", &format!("{}:kept.txt", run.branch)]), "kept");
    let log = serde_json::to_string(&events_of(&client, run.id).await).unwrap().len();
    assert!((1 << 20..16 << 20).contains(&log), "{log}");
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_name_makes_no_list_unusable() {
    let (world, client, run) = attack("names", &[]).await;
    let run = ended(&client, run.id).await;
    let page = RunsApiClient::list(&client, None, None, None, None, None, None, None).await.expect("a page");
    assert_eq!(page.items, [run]);
    assert!(serde_json::to_string(&page.items).unwrap().len() < 100_000);
    world.emptied().await;
}

/// Waits until each of these runs waits at a gate of the batch's budget. Returns one of the gates.
async fn at_the_line(client: &WsClient, runs: &[RunId]) -> Gate {
    let mut last = None;
    for &run in runs {
        let waits = |body: &EventBody| matches!(body, EventBody::Gate(gate) if gate.kind == GateKind::Budget);
        assert!(follow(client, run, |event| waits(&event.body)).await, "it comes to the line");
        last = client_run(client, run).await.gate;
    }
    last.expect("a gate")
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_call_side_by_side_spend_one_call_more_than_their_batch_may_at_most() {
    let dir = tempfile::tempdir().expect("a folder");
    let prices = dir.path().join("prices.json");
    // Each of sixty calls costs between one and two dollars.
    std::fs::write(&prices, r#"{"models": {"claude": {"input": 0, "output": 200000}}}"#).expect("a file");
    let prices = format!("--prices={}", prices.display());
    let world = World::start(&[&hostile(), &prices, "--auto-retries=0"]).await;
    let client = world.client().await;
    let repositories = ["one", "two", "three"].map(|name| {
        let repository = world.repository(name);
        world.commit(name, "attack", "spend");
        repository
    });
    let task = create_task(&client, vec![step("First step.", &[])]).await;
    let batch = BatchesApiClient::create(
        &client,
        task.id,
        repositories.to_vec(),
        None,
        None,
        None,
        Some(0.5),
        None,
        None,
    );
    let batch = batch.await.expect("a batch");
    let runs: Vec<RunId> = batch.runs.iter().map(|run| run.id).collect();
    let gate = at_the_line(&client, &runs).await;
    assert!(gate.text.contains("batch has spent"), "{}", gate.text);
    let spent = BatchesApiClient::by_id(&client, batch.id).await.expect("the batch").cost;
    let one = spent.usd;
    assert!((1.0..2.0).contains(&one) && spent.known, "one call too many at most: {spent:?}");
    // The control: what a person allows is spent, by all of them.
    client.answer(runs[2], gate.id, "1000".to_owned()).await.expect("raised");
    for &run in &runs {
        ended(&client, run).await;
    }
    let spent = BatchesApiClient::by_id(&client, batch.id).await.expect("the batch").cost;
    assert!((spent.usd - 60.0 * one).abs() < 0.01 && spent.known, "{spent:?}, of which one costs {one}");
    world.emptied().await;
}

async fn notices(client: &WsClient, run: RunId, about: &str) -> Vec<String> {
    let events = events_of(client, run).await;
    let notices = events.into_iter().filter_map(|event| match event.body {
        EventBody::Notice(notice) if notice.about == about => Some(notice.text),
        _ => None,
    });
    notices.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_runs_beside_hostile_ones_end_right_and_everybody_is_answered() {
    let (hostile, honest) = (5, 3);
    let measured = siege(hostile, honest).await;
    assert_eq!(measured.right, honest, "{measured:?}");
    // How soon is measured by `cargo xtask bench`; here nobody is shut out.
    assert!(measured.slowest < Duration::from_secs(30), "{measured:?}");
    assert!(FLOOR <= measured.disk, "{measured:?}");
    assert!(measured.memory <= MEMORY, "{measured:?}");
}
