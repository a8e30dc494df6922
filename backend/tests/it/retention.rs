//! What is kept only so long, on both databases and as readers see it.

use api::{
    Timestamp,
    event::{EventBody, Notice},
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{Artifact, Reason, RunState, Transition},
    stream::Frame,
};
use backend::store::{NewEvent, RunPatch, RunWrite, Store};
use sea_orm::{ConnectionTrait, Database};

use crate::{
    databases::{both, insert_run},
    events::listed,
    served::{Served, TOKEN, create_run, ended},
};

/// A run that is over, with this many events before its last.
async fn old_run(store: &Store, events: usize) -> RunId {
    let run = insert_run(store).await;
    let notice = |at: usize| NewEvent {
        at: Timestamp::now(),
        step: None,
        body: EventBody::Notice(Notice { about: "test".into(), text: at.to_string() }),
        n: None,
    };
    let mut write = RunWrite::of(run).transition(Transition::Claim);
    write.events = (0..events).map(notice).collect();
    store.artifact_put(run, "changes.patch", b"patch".to_vec()).await.expect("kept");
    let kept = vec![Artifact { name: "changes.patch".into(), bytes: 5, what: String::new() }];
    let patch = RunPatch { artifacts: Some(kept), ..RunPatch::default() };
    store.run_write(write.patch(patch)).await.expect("written");
    store.run_write(RunWrite::of(run).end(Reason::Completed, "Done.")).await.expect("ended");
    run
}

fn later() -> Timestamp {
    Timestamp::now() + std::time::Duration::from_secs(60)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_an_old_run_go_and_the_run_stays() {
    for fresh in both().await {
        let store = &fresh.store;
        let (old, other, live) =
            (old_run(store, 1_200).await, old_run(store, 3).await, insert_run(store).await);
        let long_ago = Timestamp::UNIX_EPOCH;
        assert!(store.retention_list_events(long_ago, 10).await.expect("read").is_empty(), "{}", fresh.kind);
        let found = store.retention_list_events(later(), 10).await.expect("read");
        assert_eq!(found, [old, other], "{}: what lives is not old: {live}", fresh.kind);
        assert_eq!(store.retention_remove_events(old).await.expect("removed"), 1_202);
        assert!(listed(store, old).await.is_empty());
        assert_eq!(listed(store, other).await.len(), 5, "others keep theirs");
        assert!(store.events_removed(old).await.expect("read"));
        let run = store.run_fetch(old).await.expect("read").expect("the run");
        assert_eq!((run.state, run.reason, run.last_seq), (RunState::Ended, Some(Reason::Completed), 1_202));
        assert!(run.events_removed_at.is_some_and(|at| run.ended_at.is_some_and(|ended| ended <= at)));
        assert_eq!(store.retention_list_events(later(), 10).await.expect("read"), [other]);
        assert_eq!(store.retention_remove_events(live).await.expect("nothing"), 0);
        assert!(!store.events_removed(live).await.expect("read"), "a live run is never marked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_was_interrupted_is_gone_on_with() {
    for fresh in both().await {
        let run = old_run(&fresh.store, 5).await;
        let database = Database::connect(&fresh.url).await.expect("the database");
        database.execute_unprepared("UPDATE runs SET events_removed_at = -5").await.expect("marked");
        database.execute_unprepared("DELETE FROM run_events WHERE seq < 4").await.expect("begun");
        assert!(fresh.store.events_removed(run).await.expect("read"), "{}: readers see none", fresh.kind);
        let found = fresh.store.retention_list_events(Timestamp::MIN, 10).await.expect("read");
        assert_eq!(found, [run], "{}: whatever the limit is now", fresh.kind);
        assert_eq!(fresh.store.retention_remove_events(run).await.expect("removed"), 4);
        assert!(fresh.store.retention_list_events(later(), 10).await.expect("read").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_artifacts_of_an_old_run_go() {
    for fresh in both().await {
        let store = &fresh.store;
        let run = old_run(store, 1).await;
        assert!(store.retention_list_artifacts(Timestamp::UNIX_EPOCH, 10).await.expect("read").is_empty());
        assert_eq!(store.retention_list_artifacts(later(), 10).await.expect("read"), [run], "{}", fresh.kind);
        store.retention_remove_artifacts(run).await.expect("removed");
        assert_eq!(store.artifact_get(run, "changes.patch").await.expect("read"), None);
        let left = store.run_fetch(run).await.expect("read").expect("the run").artifacts;
        assert!(left.is_empty(), "{left:?}");
        assert!(store.retention_list_artifacts(later(), 10).await.expect("read").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_removed_events_is_told_that_this_is_all() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    let over = ended(&client, run.id).await;
    server.store().await.retention_remove_events(run.id).await.expect("removed");
    for after in [0, 1, over.last_seq] {
        let mut frames =
            RunsApiClient::on_message(&client, run.id, Some(after)).await.expect("a subscription");
        let mut next = async || frames.next().await.expect("no cut").expect("a frame");
        assert_eq!(
            (next().await, next().await),
            (Frame::CaughtUp { seq: after }, Frame::End),
            "after {after}"
        );
    }
    let page = RunsApiClient::messages(&client, run.id, None, None).await.expect("a page");
    assert!(page.items.is_empty() && page.next.is_none());
    let log =
        server.get(&format!("/api/runs/{}/log", run.id)).bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(log.text().await.expect("a body"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_is_given_figures_and_findings() {
    let server = Served::start(&["--docker-host=unix:///nowhere/docker.sock"]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    ended(&client, run.id).await;
    let status = server.call("system.status", serde_json::Value::Null).await["result"].clone();
    assert!(status["diskFreeBytes"].as_u64() <= status["diskTotalBytes"].as_u64(), "{status}");
    assert!(status["diskTotalBytes"].as_u64().is_some_and(|bytes| 0 < bytes), "{status}");
    assert!(status["eventsStored"].as_u64().is_some_and(|events| 2 <= events), "{status}");
    assert_eq!((&status["database"]["ok"], &status["engine"]["ok"]), (&true.into(), &false.into()));
    let found = status["findings"].as_array().expect("findings");
    let names: Vec<&str> = found.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["disk", "queue", "progress", "clock", "jobs", "git"]);
}
