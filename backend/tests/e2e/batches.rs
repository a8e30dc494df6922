//! Batches: one task over many repositories, with a budget for all of them and a stop after failures.

use api::{
    batch::Batch,
    event::EventBody,
    id::BatchId,
    rpc::{batches::BatchesApiClient, runs::RunsApiClient},
    run::{GateKind, Outcome, Overrides, Reason, RunState},
};
use jsonrpsee::ws_client::WsClient;

use crate::{
    gates::prices,
    harness::{World, client_run, create_task, ended, follow, step, within},
};

/// A batch of one step over these repositories.
pub(crate) async fn batch(
    client: &WsClient,
    instructions: &str,
    repositories: &[String],
    stop_after_failures: Option<u32>,
    budget_usd: Option<f64>,
) -> Batch {
    let task = create_task(client, vec![step(instructions, &[])]).await;
    let overrides = Some(Overrides::default());
    let created = BatchesApiClient::create(
        client,
        task.id,
        repositories.to_vec(),
        None,
        Some(1),
        stop_after_failures,
        budget_usd,
        None,
        overrides,
    );
    created.await.expect("a batch")
}

/// The batch when all its runs are over, as its subscribers see it.
async fn over(client: &WsClient, id: BatchId) -> Batch {
    let mut changes = BatchesApiClient::on_change(client, id).await.expect("a subscription");
    loop {
        let batch = within("the batch's end", changes.next()).await.expect("no cut").expect("a batch");
        if !batch.active {
            return batch;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_target_gets_its_run_and_only_failed_ones_are_retried() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let targets = [world.repository("one"), world.url("missing"), world.repository("two")];
    let created = batch(&client, "First step.", &targets, None, None).await;
    assert_eq!(created.runs.iter().map(|run| run.repository.clone()).collect::<Vec<_>>(), targets);
    let done = over(&client, created.id).await;
    let outcomes: Vec<_> = done.runs.iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Succeeded), Some(Outcome::Failed), Some(Outcome::Succeeded)]);
    assert_eq!(world.git("two", &["log", "-1", "--format=%s", &done.runs[2].branch]), "First step.");

    world.repository("missing");
    let retried = client.retry_failed(created.id).await.expect("retried");
    assert!(retried.active);
    assert_eq!((retried.runs[0].id, retried.runs[2].id), (done.runs[0].id, done.runs[2].id));
    assert_ne!(retried.runs[1].id, done.runs[1].id);
    let done = over(&client, created.id).await;
    assert!(done.runs.iter().all(|run| run.outcome == Some(Outcome::Succeeded)), "{:?}", done.outcomes);
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_so_many_failures_no_further_run_is_begun() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let targets = [world.url("no"), world.url("none"), world.repository("one"), world.repository("two")];
    let created = batch(&client, "First step.", &targets, Some(2), None).await;
    let done = over(&client, created.id).await;
    let outcomes: Vec<_> = done.runs.iter().map(|run| run.outcome).collect();
    let (failed, cancelled) = (Some(Outcome::Failed), Some(Outcome::Cancelled));
    assert_eq!(outcomes, [failed, failed, cancelled, cancelled]);
    assert!(done.stopped.is_some_and(|why| why.contains('2')));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_budget_of_the_batch_its_run_waits_until_it_is_raised() {
    let dir = tempfile::tempdir().expect("a folder");
    let world = World::start(&[&prices(dir.path())]).await;
    let client = world.client().await;
    let created = batch(&client, "[[dear]]", &[world.repository("one")], None, Some(0.5)).await;
    let run = created.runs[0].id;
    let opened = |body: &EventBody| matches!(body, EventBody::Gate(gate) if gate.kind == GateKind::Budget);
    assert!(follow(&client, run, |event| opened(&event.body)).await, "a gate opens");
    let waiting = client_run(&client, run).await;
    assert_eq!(waiting.state, RunState::Waiting);
    let gate = waiting.gate.expect("a gate");
    assert!(gate.text.contains("batch"), "{}", gate.text);
    client.answer(run, gate.id, "20".to_owned()).await.expect("raised");
    assert_eq!(ended(&client, run).await.reason, Some(Reason::Completed));
    assert_eq!(over(&client, created.id).await.budget_usd, Some(20.0));
}
