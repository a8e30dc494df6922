//! The typed client against the real server: what goes in comes out, and what is refused comes as an `ApiError`.

use api::{
    error::ApiError,
    event::EventBody,
    id::{RunId, TaskId},
    rpc::{runs::RunsApiClient, tasks::TasksApiClient},
    run::{Outcome, Reason, RunState},
    stream::Frame,
    task::{Check, Step, Task},
};
use jsonrpsee::{core::client::Error, ws_client::WsClient};
use uuid::Uuid;

use crate::served::{Served, SilentEngine, create_run, create_task, ended};

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> ApiError {
    ApiError::of(&result.expect_err("refused")).expect("an ApiError")
}

async fn rename(client: &WsClient, task: &Task, name: &str) -> Result<Task, Error> {
    let name = Some(name.to_owned());
    let (id, version) = (task.id, task.version);
    TasksApiClient::update(
        client, id, version, name, None, None, None, None, None, None, None, None, None, None, None, None,
        None, None, None, None,
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_created_changed_found_and_deleted() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let check =
        Check { run: "make".into(), timeout_seconds: Some(5), expect: Some("ok$".into()), clean: true };
    let steps = vec![Step { instructions: "Zeg \"hallo\" 🦀\n".into(), checks: vec![check] }];
    let created = TasksApiClient::create(
        &client,
        "100% _Sure_".into(),
        steps.clone(),
        Some("Why not?".into()),
        None,
        Some("opus".into()),
        None,
        Some(2.5),
        Some(600),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    );
    let created = created.await.expect("created");
    assert_eq!((created.version, &created.spec.steps), (1, &steps));
    assert_eq!((created.spec.model.as_deref(), created.spec.budget_usd), (Some("opus"), Some(2.5)));
    assert_eq!(created.spec.step_timeout_seconds, 7200, "what is left out takes the default");
    assert_eq!(TasksApiClient::by_id(&client, created.id).await.expect("found"), created);

    let renamed = rename(&client, &created, "Unsure").await.expect("renamed");
    assert_eq!((renamed.version, renamed.spec.name.as_str()), (2, "Unsure"));
    assert_eq!(renamed.spec.steps, steps, "what is left out stays");
    assert!(matches!(refused(rename(&client, &created, "Again").await), ApiError::Conflict { .. }));

    let other = create_task(&client, "Something else").await;
    let found = async |query: Option<&str>| {
        let page = TasksApiClient::list(&client, query.map(str::to_owned), None, None).await.expect("a list");
        page.items.into_iter().map(|task| task.id).collect::<Vec<_>>()
    };
    assert_eq!(found(None).await, [other.id, created.id], "newest first");
    assert_eq!(found(Some("unSURE")).await, [created.id]);
    assert!(found(Some("100%")).await.is_empty(), "it was renamed");
    let first = TasksApiClient::list(&client, None, None, Some(1)).await.expect("a page");
    let second = TasksApiClient::list(&client, None, first.next, Some(1)).await.expect("a page");
    assert_eq!((first.items[0].id, second.items[0].id, second.next), (other.id, created.id, None));

    assert_eq!(TasksApiClient::delete(&client, created.id).await.expect("deleted"), renamed);
    assert!(matches!(refused(TasksApiClient::by_id(&client, created.id).await), ApiError::NotFound { .. }));
    assert_eq!(found(None).await, [other.id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_task_is_kept_for_its_runs_and_used_no_more() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    let archived = TasksApiClient::delete(&client, run.task_id).await.expect("archived");
    assert!(archived.archived_at.is_some());
    assert!(TasksApiClient::list(&client, None, None, None).await.expect("a list").items.is_empty());
    assert!(matches!(refused(rename(&client, &archived, "Another").await), ApiError::Conflict { .. }));
    let again = RunsApiClient::create(&client, run.task_id, "acme/web".into(), None, None, None).await;
    assert!(matches!(refused(again), ApiError::Conflict { .. }));
    assert_eq!(RunsApiClient::by_id(&client, run.id).await.expect("the run").task, archived.spec);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_run() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let task = create_task(&client, "A task").await;
    let create = |key: &str| {
        RunsApiClient::create(&client, task.id, "acme/web".into(), None, Some(key.to_owned()), None)
    };
    let (one, two) = tokio::join!(create("a"), create("a"));
    let (one, two) = (one.expect("a run"), two.expect("the same run"));
    assert_eq!(one.id, two.id);
    assert_ne!(create("b").await.expect("another run").id, one.id);
    for key in [String::new(), "x".repeat(201)] {
        let error = refused(create(&key).await);
        assert!(matches!(&error, ApiError::Invalid { field, .. } if field == "idempotencyKey"), "{error}");
    }
    let all = RunsApiClient::list(&client, Some(task.id), None, None, None, None, None, None).await;
    assert_eq!(all.expect("a list").items.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_its_place_is_cancelled_at_once_and_may_be_tried_again() {
    let engine = SilentEngine::start();
    let server = Served::start(&["--slots=1", &engine.setting()]).await;
    let client = server.client().await;
    // The first run has the only place, and waits for the engine.
    let first = create_run(&client).await;
    let run = create_run(&client).await;
    assert!(matches!(refused(client.retry(run.id).await), ApiError::Conflict { .. }), "it is not over");
    let over = client.cancel(run.id).await.expect("cancelled");
    assert_eq!(
        (over.state, over.outcome, over.reason),
        (RunState::Ended, Some(Outcome::Cancelled), Some(Reason::CancelledByUser))
    );
    assert_eq!(client.cancel(run.id).await.expect("nothing to stop"), over, "idempotent");
    let retry = client.retry(run.id).await.expect("a new run");
    assert_eq!((retry.state, retry.retry_of, &retry.task), (RunState::Queued, Some(run.id), &run.task));
    let of_task = RunsApiClient::list(&client, Some(run.task_id), None, None, None, None, None, None).await;
    let of_task: Vec<RunId> = of_task.expect("a list").items.iter().map(|run| run.id).collect();
    assert_eq!(of_task, [retry.id, run.id], "newest first, and not {}", first.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_full_takes_no_more() {
    let engine = SilentEngine::start();
    let server = Served::start(&["--slots=1", "--queue=2", &engine.setting()]).await;
    let client = server.client().await;
    let working = create_run(&client).await;
    let mut frames = client.on_message(working.id, None).await.expect("a subscription");
    let claimed = |frame: &Frame| {
        let Frame::Item { event } = frame else { return false };
        matches!(&event.body, EventBody::State(change) if change.state == RunState::Starting)
    };
    while !claimed(&frames.next().await.expect("no cut").expect("a frame")) {}
    let (_second, third) = (create_run(&client).await, create_run(&client).await);
    let create = || RunsApiClient::create(&client, third.task_id, "acme/web".into(), None, None, None);
    let full = ApiError::Limit { limit: "CAISSON_QUEUE".into(), value: 2 };
    assert_eq!(refused(create().await), full);
    client.cancel(third.id).await.expect("cancelled");
    create().await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_cannot_be_is_refused_before_it_begins() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let nobody = RunId(Uuid::from_u128(7));
    assert!(matches!(refused(client.on_message(nobody, None).await), ApiError::NotFound { .. }));
    let run = create_run(&client).await;
    for after in [-1, 1_000_000] {
        let error = refused(client.on_message(run.id, Some(after)).await);
        assert!(matches!(&error, ApiError::Invalid { field, .. } if field == "after"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_is_read_to_its_end_from_anywhere() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    let over = ended(&client, run.id).await;
    for after in 0..=over.last_seq {
        let mut frames = client.on_message(run.id, Some(after)).await.expect("a subscription");
        let mut seen = Vec::new();
        loop {
            match frames.next().await.expect("no cut").expect("a frame") {
                Frame::Item { event } => seen.push(event.seq),
                Frame::CaughtUp { seq } => assert_eq!(seq, over.last_seq, "history came first"),
                Frame::End => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, (after + 1..=over.last_seq).collect::<Vec<_>>(), "after {after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_task_are_seen_and_no_others() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let (mine, other) = (create_task(&client, "Mine").await, create_task(&client, "Another").await);
    let mut changes = client.on_change(Some(mine.id), None).await.expect("a subscription");
    let create = async |task: TaskId| {
        RunsApiClient::create(&client, task, "acme/web".into(), None, None, None).await.expect("a run")
    };
    let theirs = create(other.id).await;
    let run = create(mine.id).await;
    loop {
        let changed = changes.next().await.expect("no cut").expect("a run");
        assert_eq!((changed.task_id, changed.id), (mine.id, run.id), "not {}", theirs.id);
        if changed.state == RunState::Ended {
            break;
        }
    }
}
