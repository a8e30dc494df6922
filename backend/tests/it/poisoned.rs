//! Runs whose texts are too long, or cannot be read: nobody else notices, and they can be stopped.

use api::{
    error::ApiError,
    event::{AgentLine, AgentLineType, EventBody},
    rpc::runs::RunsApiClient,
    run::{Reason, RunState, Transition},
};
use backend::store::{RunFilter, RunPatch, RunWrite};
use sea_orm::{ConnectionTrait, Database};

use crate::{
    databases::{both, insert_run},
    served::Served,
};

#[tokio::test]
async fn a_run_whose_agent_gives_long_names_is_listed_like_any_other() {
    for fresh in both().await {
        let long = || Some("\u{1F980}".repeat(1 << 20));
        for _ in 0..5 {
            let run = insert_run(&fresh.store).await;
            let patch = RunPatch {
                model: long(),
                agent_session: long(),
                base_commit: long(),
                head_commit: long(),
                ..RunPatch::default()
            };
            fresh.store.run_write(RunWrite::of(run).patch(patch)).await.expect("written");
            fresh.store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
            let end = RunWrite::of(run).end(Reason::AgentError, long().expect("a text"));
            fresh.store.run_write(end).await.expect("ended");
        }
        let page = fresh.store.run_list(&RunFilter::default(), None, 500).await.expect("a page");
        let bytes = serde_json::to_string(&page.items).expect("JSON").len();
        assert!(page.items.len() == 5 && bytes < 5 * (16 << 10), "{}: {bytes}", fresh.kind);
        let model = page.items[0].model.clone().expect("a model");
        assert!(model.starts_with('\u{1F980}') && model.ends_with("… (4194304 bytes)"), "{model}");
        assert!(page.items[0].detail.as_ref().is_some_and(|detail| detail.len() < 10_000));
    }
}

#[tokio::test]
async fn how_long_a_log_is_is_known_exactly() {
    for mut fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let mut last = fresh.store.run_write(RunWrite::of(run).transition(Transition::Claim)).await;
        for bytes in [1, 1_000, 100_000] {
            let line = AgentLine::plain(AgentLineType::Other, "x".repeat(bytes));
            let before = last.expect("written").log_bytes;
            last = fresh.store.run_write(RunWrite::of(run).event(1, EventBody::Agent(line))).await;
            let grown = last.as_ref().expect("written").log_bytes - before;
            let said = r#"{"type":"other","raw":""}"#.len() as u64 + bytes as u64;
            assert_eq!(grown, said + 80, "{}: with its row", fresh.kind);
        }
        fresh.reopen().await;
        let record = fresh.store.run_record(run).await.expect("read").expect("the run");
        assert_eq!(record.log_bytes, last.expect("written").log_bytes, "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_read_can_be_cancelled_and_keeps_no_server_from_starting() {
    let mut server = Served::start(&[]).await;
    let store = server.own_store();
    let (queued, live) = (insert_run(&store).await, insert_run(&store).await);
    store.run_write(RunWrite::of(live).transition(Transition::Claim)).await.expect("claimed");
    let database = Database::connect(server.database()).await.expect("the database");
    database.execute_unprepared("UPDATE runs SET task = '{'").await.expect("poisoned");
    let client = server.client().await;
    for run in [queued, live] {
        // It is done; what cannot be answered is the run itself.
        let answer = client.cancel(run).await.expect_err("it cannot be read");
        assert!(matches!(ApiError::of(&answer), Some(ApiError::Internal { .. })), "{answer:?}");
    }
    assert_eq!(store.run_state(queued).await.expect("read").expect("a run").0, RunState::Ended);
    server.stop().await;
    let server = server.again().await;
    assert_eq!(server.get("/health").send().await.expect("an answer").status(), 200);
    // Its driver gives it up: that is told to whoever watches the list.
    let store = server.own_store();
    let mut changes = store.run_changes();
    while store.run_state(live).await.expect("read").expect("a run").0 != RunState::Ended {
        changes.recv().await.expect("the run changes");
    }
}
