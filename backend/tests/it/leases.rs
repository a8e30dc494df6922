//! Leases and fences: one owner at a time, and nothing of an earlier one is taken.

use std::time::Duration;

use api::{
    event::{EventBody, Notice},
    id::RunId,
    run::{RunState, Transition},
};
use backend::{
    store::{Error, RunWrite, Store},
    tasks::Tasks,
};
use uuid::Uuid;

use crate::databases::{both, insert_run, only_postgres};

const LONG: Duration = Duration::from_secs(600);

fn notice(run: RunId, fence: Option<i64>) -> RunWrite {
    let mut write = RunWrite::of(run)
        .event(0, EventBody::Notice(Notice { about: "test".to_owned(), text: "hello".to_owned() }));
    write.fence = fence;
    write
}

async fn live_run(store: &Store) -> RunId {
    let run = insert_run(store).await;
    store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
    run
}

#[tokio::test]
async fn a_live_run_has_one_owner_until_its_lease_ends() {
    for fresh in both().await {
        let (store, kind) = (&fresh.store, fresh.kind);
        let run = live_run(store).await;
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(store.lease_list_free(other).await.expect("a list"), [run], "{kind}");
        let first = store.lease_take(run, one, LONG).await.expect("asked").expect("taken");
        assert_eq!(store.lease_take(run, other, LONG).await.expect("asked"), None, "{kind}");
        assert_eq!(store.lease_list_free(other).await.expect("a list"), [], "{kind}");
        let again = store.lease_take(run, one, Duration::ZERO).await.expect("asked").expect("its own");
        assert!(first < again, "{kind}: each taking moves the fence");
        store.lease_renew(one, LONG).await.expect("renewed");
        assert_eq!(store.lease_take(run, other, LONG).await.expect("asked"), None, "{kind}");
        store.lease_release(one).await.expect("given up");
        let taken = store.lease_take(run, other, LONG).await.expect("asked").expect("taken over");
        assert!(again < taken, "{kind}");
    }
}

#[tokio::test]
async fn what_an_earlier_owner_writes_is_refused_and_changes_nothing() {
    for fresh in both().await {
        let (store, kind) = (&fresh.store, fresh.kind);
        let run = live_run(store).await;
        let old = store.lease_take(run, Uuid::now_v7(), Duration::ZERO).await.expect("asked").expect("taken");
        store.run_write(notice(run, Some(old))).await.expect("its own");
        let new = store.lease_take(run, Uuid::now_v7(), LONG).await.expect("asked").expect("taken over");
        let before = store.run_fetch(run).await.expect("read").expect("the run");
        let refused = store.run_write(notice(run, Some(old))).await;
        assert!(matches!(refused, Err(Error::Fenced)), "{kind}: {refused:?}");
        assert_eq!(store.run_fetch(run).await.expect("read").expect("the run"), before, "{kind}");
        store.run_write(notice(run, Some(new))).await.expect("the new owner's");
        store.run_write(notice(run, None)).await.expect("what needs no owner, such as a cancellation");
    }
}

#[tokio::test]
async fn a_run_that_is_to_stop_is_found_by_its_owner_only() {
    for fresh in both().await {
        let (store, kind) = (&fresh.store, fresh.kind);
        let run = live_run(store).await;
        let owner = Uuid::now_v7();
        store.lease_take(run, owner, LONG).await.expect("asked").expect("taken");
        assert_eq!(store.lease_list_cancelled(owner).await.expect("a list"), [], "{kind}");
        store.run_request_cancel(run).await.expect("asked for");
        assert_eq!(store.lease_list_cancelled(owner).await.expect("a list"), [run], "{kind}");
        assert_eq!(store.lease_list_cancelled(Uuid::now_v7()).await.expect("a list"), [], "{kind}");
    }
}

#[tokio::test]
async fn what_one_backend_commits_rings_the_bells_of_the_other() {
    let postgres = only_postgres().await;
    let tasks = Tasks::default();
    let other = Store::open(&postgres.url, &tasks).await.expect("a second store");
    let mut remote = other.remote_changes();
    let run = live_run(&postgres.store).await;
    let mut wakeups = other.event_wakeups(run);
    wakeups.mark_unchanged();
    // Until the other one listens it hears nothing; then the first of these reaches it.
    let heard = async {
        loop {
            postgres.store.run_write(notice(run, None)).await.expect("written");
            if tokio::time::timeout(Duration::from_millis(200), wakeups.changed()).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.expect("it is heard");
    assert_eq!(remote.recv().await.expect("told"), run);
    assert_eq!(other.run_fetch(run).await.expect("read").expect("the run").state, RunState::Starting);
}
