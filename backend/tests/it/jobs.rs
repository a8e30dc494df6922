//! Background jobs, and the outbox that they deliver from.

use std::time::Duration;

use api::{
    Timestamp,
    rpc::system::SystemApiClient,
    run::{Reason, Transition},
};
use backend::store::{Error, RunWrite};
use futures::future::join_all;
use uuid::Uuid;

use crate::{
    databases::{both, insert_run},
    served::{Served, SilentEngine, TOKEN, create_run},
};

const TERM: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_all_servers_is_done_by_one_of_them_until_its_time_is_over() {
    for fresh in both().await {
        let store = &fresh.store;
        let claim = async |name, owner, term| store.job_claim(name, owner, term).await.expect("claimed");
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(claim("a", one, TERM).await && claim("a", one, TERM).await, "{}: it keeps it", fresh.kind);
        assert!(!claim("a", two, TERM).await, "{}: another one has it", fresh.kind);
        assert!(claim("b", two, TERM).await, "{}: that is another job", fresh.kind);
        assert!(claim("a", one, Duration::ZERO).await && claim("a", two, TERM).await, "{}", fresh.kind);
        assert!(!claim("a", one, TERM).await, "{}: it was taken over", fresh.kind);

        let at_once = (0..16).map(|_| store.job_claim("c", Uuid::now_v7(), TERM));
        let claimed = join_all(at_once).await.into_iter().filter(|claimed| matches!(claimed, Ok(true)));
        assert_eq!(claimed.count(), 1, "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_change_of_a_run_and_nothing_else_is_in_the_outbox() {
    for fresh in both().await {
        let store = &fresh.store;
        let run = insert_run(store).await;
        let write = || RunWrite::of(run);
        store.run_write(write().transition(Transition::Claim)).await.expect("claimed");
        let refused = store.run_write(write().transition(Transition::Wait)).await;
        assert!(matches!(refused, Err(Error::Illegal(_))), "{}: {refused:?}", fresh.kind);
        store.run_write(write().end(Reason::Completed, "Done.")).await.expect("ended");
        let again = store.run_write(write().end(Reason::AgentError, "No.")).await;
        assert!(again.is_err(), "{}: it ended before", fresh.kind);
        let mut expected = Vec::new();
        for event in crate::events::listed(store, run).await {
            if matches!(event.body, api::event::EventBody::State(_)) {
                expected.push((run, event.seq));
            }
        }
        assert_eq!(expected.len(), 2, "{}", fresh.kind);
        assert_eq!(store.outbox_list(10).await.expect("read"), expected, "{}", fresh.kind);
        assert_eq!(store.outbox_remove_some(Timestamp::UNIX_EPOCH).await.expect("none"), 0, "{}", fresh.kind);
        let later = Timestamp::now() + TERM;
        assert_eq!(store.outbox_remove_some(later).await.expect("removed"), 2, "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_and_the_metrics_have_every_job() {
    let engine = SilentEngine::start();
    let mut server = Served::start(&[&engine.setting()]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    let first = server.own_store().outbox_list(1).await.expect("read");
    assert_eq!(first, [(run.id, 1)], "that it was queued");
    let jobs = SystemApiClient::status(&client).await.expect("a status").jobs;
    let names: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["dispatch", "leases", "leftovers", "reconcile", "retention", "room"]);
    assert!(jobs.iter().all(|job| job.period_seconds > 0), "{jobs:?}");
    let metrics = server.get("/metrics").bearer_auth(TOKEN).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("a text");
    for name in names {
        let line = format!("caisson_job_passes_total{{job=\"{name}\",result=\"failed\"}}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    server.stop().await;
}
