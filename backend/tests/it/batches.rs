//! Batches over RPC: what is refused, how they stand, how they stop and are repeated. No container is made.

use api::{
    batch::{Batch, MAX_TARGETS},
    error::ApiError,
    event::EventBody,
    id::TaskId,
    rpc::{batches::BatchesApiClient, runs::RunsApiClient},
    run::{Outcome, Overrides, Reason, RunState},
};
use jsonrpsee::{core::client::Error, ws_client::WsClient};

use crate::served::{Served, SilentEngine, create_task};

/// What `batches.create` is asked for in these tests.
#[derive(Clone, Default)]
struct Ask {
    concurrency: Option<u32>,
    stop_after: Option<u32>,
    budget: Option<f64>,
    key: Option<&'static str>,
    priority: Option<i32>,
}

async fn create(client: &WsClient, task: TaskId, targets: &[&str], ask: Ask) -> Result<Batch, Error> {
    let targets = targets.iter().map(|&it| it.to_owned()).collect();
    let overrides = Overrides { priority: ask.priority, ..Overrides::default() };
    let key = ask.key.map(str::to_owned);
    let (concurrency, stop_after, budget) = (ask.concurrency, ask.stop_after, ask.budget);
    let overrides = Some(overrides);
    BatchesApiClient::create(client, task, targets, None, concurrency, stop_after, budget, key, overrides)
        .await
}

fn refused<T>(result: Result<T, Error>) -> ApiError {
    let error = result.err().expect("it is refused");
    ApiError::of(&error).unwrap_or_else(|| panic!("not an error of ours: {error}"))
}

/// Follows a batch until all its runs are over.
async fn over(client: &WsClient, batch: &Batch) -> Batch {
    let mut changes = BatchesApiClient::on_change(client, batch.id).await.expect("a subscription");
    loop {
        let batch: Batch = changes.next().await.expect("no cut").expect("a batch");
        if !batch.active {
            return batch;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_cannot_be_is_refused_and_nothing_of_it_is_queued() {
    let server = Served::start(&["--queue=3"]).await;
    let client = server.client().await;
    let task = create_task(&client, "A task").await.id;
    let ask = |targets: &'static [&'static str], ask: Ask| create(&client, task, targets, ask);
    let text =
        refused(ask(&["acme/web", "acme", "acme/api", "acme/web.git"], Ask::default()).await).to_string();
    assert!(text.starts_with("repositories[1]: is neither"), "{text}");
    assert!(text.ends_with("; repositories[3]: is the same as repositories[0]"), "{text}");
    let full = ApiError::Limit { limit: "CAISSON_QUEUE".into(), value: 3 };
    assert_eq!(refused(ask(&["a/a", "b/b", "c/c", "d/d"], Ask::default()).await), full, "it goes in whole");
    for (field, wrong) in [
        ("concurrency", Ask { concurrency: Some(0), ..Ask::default() }),
        ("stopAfterFailures", Ask { stop_after: Some(0), ..Ask::default() }),
        ("budgetUsd", Ask { budget: Some(-1.0), ..Ask::default() }),
        ("idempotencyKey", Ask { key: Some(""), ..Ask::default() }),
        ("overrides.priority", Ask { priority: Some(101), ..Ask::default() }),
    ] {
        let error = refused(ask(&["acme/web"], wrong).await);
        assert!(matches!(&error, ApiError::Invalid { field: named, .. } if named == field), "{error}");
    }
    let error = refused(ask(&[], Ask::default()).await);
    assert!(error.to_string().contains(&format!("1 to {MAX_TARGETS}")), "{error}");
    let runs = RunsApiClient::list(&client, None, None, None, None, None, None, None).await.expect("a list");
    assert!(runs.items.is_empty());
    let batches = BatchesApiClient::list(&client, None, None, None).await.expect("a list");
    assert!(batches.items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_batch() {
    let server = Served::start(&["--queue=2"]).await;
    let client = server.client().await;
    let task = create_task(&client, "A task").await.id;
    let ask = || Ask { key: Some("once"), ..Ask::default() };
    let (first, second) = tokio::join!(
        create(&client, task, &["a/a", "b/b"], ask()),
        create(&client, task, &["a/a", "b/b"], ask())
    );
    let (first, second) = (first.expect("a batch"), second.expect("a batch"));
    assert_eq!(first.id, second.id);
    let other = refused(create(&client, task, &["c/c"], ask()).await);
    assert!(matches!(&other, ApiError::Conflict { why } if why.contains("idempotencyKey")), "{other}");
    let runs = RunsApiClient::list(&client, None, Some(first.id), None, None, None, None, None).await;
    assert_eq!(runs.expect("a list").items.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_shows_its_targets_in_their_order_with_the_first_event_of_each() {
    let engine = SilentEngine::start();
    let server = Served::start(&[&engine.setting(), "--slots=1"]).await;
    let client = server.client().await;
    let task = create_task(&client, "A task").await;
    let targets = ["z/z", "a/a", "https://git.example/m/m"];
    let ask = Ask { concurrency: Some(2), budget: Some(5.0), priority: Some(-7), ..Ask::default() };
    let batch = create(&client, task.id, &targets, ask).await.expect("a batch");
    assert_eq!(batch.runs.iter().map(|run| run.repository.as_str()).collect::<Vec<_>>(), targets);
    assert_eq!((batch.name.as_str(), batch.task_id), ("A task", task.id));
    assert_eq!((batch.concurrency, batch.budget_usd, batch.active), (Some(2), Some(5.0), true));
    assert_eq!(batch.states.values().sum::<u64>(), 3);
    assert_eq!((batch.cost.usd, batch.cost.known, batch.ended_at), (0.0, true, None));
    for run in &batch.runs {
        let events = RunsApiClient::messages(&client, run.id, None, Some(1)).await.expect("events").items;
        assert!(matches!(&events[0].body, EventBody::State(state) if state.state == RunState::Queued));
        let run = RunsApiClient::by_id(&client, run.id).await.expect("a run");
        assert_eq!((run.batch_id, run.priority, run.task), (Some(batch.id), -7, task.spec.clone()));
    }
    let listed = BatchesApiClient::list(&client, Some(task.id), None, None).await.expect("a list").items;
    assert_eq!(listed.len(), 1);
    assert!(listed[0].runs.is_empty() && listed[0].active);
    assert_eq!(listed[0].states.values().sum::<u64>(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_stops_after_its_failures_and_only_what_failed_is_repeated() {
    let server = Served::start(&["--slots=1"]).await;
    let client = server.client().await;
    let task = create_task(&client, "A task").await.id;
    let ask = Ask { stop_after: Some(2), concurrency: Some(1), ..Ask::default() };
    let made = create(&client, task, &["a/a", "b/b", "c/c", "d/d"], ask).await.expect("a batch");
    let stopped = over(&client, &made).await;
    assert_eq!((stopped.outcomes["failed"], stopped.outcomes["cancelled"]), (2, 2), "{stopped:?}");
    assert!(stopped.stopped.as_deref().expect("why").contains("2 of its runs have failed"), "{stopped:?}");
    assert!(stopped.ended_at.is_some());
    let last = &stopped.runs[3];
    assert_eq!((last.outcome, last.reason), (Some(Outcome::Cancelled), Some(Reason::CancelledByUser)));
    let detail = RunsApiClient::by_id(&client, last.id).await.expect("a run").detail.expect("why");
    assert!(detail.contains("not begun") && detail.contains("stops after 2"), "{detail}");

    let again = BatchesApiClient::retry_failed(&client, made.id).await.expect("repeated");
    assert!(again.active);
    for (new, old) in again.runs.iter().zip(&stopped.runs) {
        let run = RunsApiClient::by_id(&client, new.id).await.expect("a run");
        assert_eq!((run.retry_of, &run.repository), (Some(old.id), &old.repository));
    }
    let stopped = over(&client, &again).await;
    assert_eq!(stopped.outcomes["failed"], 2, "the count starts again: {stopped:?}");
    let all = RunsApiClient::list(&client, None, Some(made.id), None, None, None, None, None).await;
    assert_eq!(all.expect("a list").items.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_cancelled_begins_nothing_more() {
    let engine = SilentEngine::start();
    let server = Served::start(&[&engine.setting(), "--slots=1"]).await;
    let client = server.client().await;
    let task = create_task(&client, "A task").await.id;
    let made = create(&client, task, &["a/a", "b/b", "c/c"], Ask::default()).await.expect("a batch");
    let mut frames = BatchesApiClient::on_change(&client, made.id).await.expect("a subscription");
    loop {
        let batch: Batch = frames.next().await.expect("no cut").expect("a batch");
        if batch.states.get("starting") == Some(&1) {
            break;
        }
    }
    for _ in 0..2 {
        let cancelled = BatchesApiClient::cancel(&client, made.id).await.expect("cancelled");
        assert_eq!(cancelled.stopped.as_deref(), Some("It was cancelled."));
        assert_eq!(cancelled.outcomes["cancelled"], 2, "those that had not begun are over at once");
        assert_eq!(cancelled.runs[0].state, RunState::Stopping, "the one at work saves its work first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_has_one_run_at_a_time_when_that_is_the_limit() {
    let engine = SilentEngine::start();
    let server = Served::start(&[&engine.setting(), "--slots=8", "--slots-per-repository=1"]).await;
    let client = server.client().await;
    let task = create_task(&client, "A task").await.id;
    let run = async |repository: &str| {
        RunsApiClient::create(&client, task, repository.into(), None, None, None).await.expect("a run").id
    };
    let (first, second) = (run("acme/web").await, run("https://github.com/acme/web.git").await);
    let other = run("acme/api").await;
    let mut frames = RunsApiClient::on_message(&client, other, None).await.expect("a subscription");
    loop {
        let frame = frames.next().await.expect("no cut").expect("a frame");
        let api::stream::Frame::Item { event } = frame else { continue };
        if matches!(&event.body, EventBody::State(state) if state.state == RunState::Starting) {
            break;
        }
    }
    let state = async |id| RunsApiClient::by_id(&client, id).await.expect("a run").state;
    assert_eq!((state(first).await, state(second).await), (RunState::Starting, RunState::Queued));
}
