//! The queue and the batches as they are stored, on both databases.

use api::{
    Timestamp,
    id::{BatchId, RunId, TaskId},
    run::{Cost, Outcome, Reason, Run, RunState, Transition},
    task::{Step, TaskSpec},
};
use backend::{
    budget::Budget,
    store::{NewBatch, OnceKey, RunPatch, RunWrite, Store},
};

use crate::{databases::both, events::listed};

/// A batch of these targets, and its queued runs.
fn batch(targets: &[&str]) -> (NewBatch, Vec<Run>) {
    let new = NewBatch {
        id: BatchId::mint(),
        task_id: TaskId::mint(),
        name: "A task".into(),
        targets: targets.iter().map(|&it| it.to_owned()).collect(),
        concurrency: None,
        stop_after_failures: Some(1),
        budget_usd: Some(2.5),
        owner: "anybody".to_owned(),
    };
    let runs = new.targets.iter().map(|target| run(&new, target, None)).collect();
    (new, runs)
}

fn run(batch: &NewBatch, target: &str, retry_of: Option<RunId>) -> Run {
    let spec = TaskSpec::new("A task", vec![Step { instructions: "Do it.".into(), checks: Vec::new() }]);
    let mut run = Run::queued(RunId::mint(), batch.task_id, spec, target.to_owned(), Timestamp::now());
    run.batch_id = Some(batch.id);
    run.retry_of = retry_of;
    run
}

async fn end(store: &Store, run: RunId, reason: Reason, cost: Cost) {
    let patch = RunPatch { cost: Some(cost), ..RunPatch::default() };
    store.run_write(RunWrite::of(run).patch(patch).end(reason, "Over.")).await.expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_stored_whole_or_not_at_all() {
    for fresh in both().await {
        let key = OnceKey::own("key".to_owned());
        let (new, mut runs) = batch(&["a/a", "b/b", "c/c"]);
        runs[2].id = runs[0].id;
        fresh.store.batch_insert(&new, &runs, Some(&key)).await.expect_err("two runs of one id");
        assert_eq!(fresh.store.batch_fetch(new.id).await.expect("read"), None, "{}", fresh.kind);
        assert!(fresh.store.queue_list(10).await.expect("read").is_empty());
        assert!(listed(&fresh.store, runs[0].id).await.is_empty());
        runs[2].id = RunId::mint();
        let stored = fresh.store.batch_insert(&new, &runs, Some(&key)).await.expect("stored");
        let (other, others) = batch(&["d/d"]);
        let same = fresh.store.batch_insert(&other, &others, Some(&key)).await.expect("known");
        assert_eq!((stored, same), (new.id, new.id));
        assert_eq!(fresh.store.queue_list(10).await.expect("read").len(), 3);
        let first = fresh.store.run_fetch(runs[1].id).await.expect("read").expect("a run");
        let events = listed(&fresh.store, first.id).await;
        assert_eq!((first.last_seq, events.len()), (1, 1), "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_counts_the_newest_run_of_each_target_and_the_cost_of_all() {
    for fresh in both().await {
        let store = &fresh.store;
        let (new, runs) = batch(&["a/a", "b/b"]);
        store.batch_insert(&new, &runs, None).await.expect("stored");
        end(store, runs[0].id, Reason::AgentError, Cost { usd: 1.5, known: true }).await;
        end(store, runs[1].id, Reason::InstanceLost, Cost { usd: 0.25, known: false }).await;
        assert_eq!(store.batch_failures(new.id).await.expect("counted"), 2, "{}", fresh.kind);
        store.batch_stop(new.id, "Enough.", false).await.expect("stopped");

        let again: Vec<Run> = runs.iter().map(|old| run(&new, &old.repository, Some(old.id))).collect();
        assert!(store.batch_repeat(new.id, &again).await.expect("repeated"));
        let more: Vec<Run> = runs.iter().map(|old| run(&new, &old.repository, Some(old.id))).collect();
        assert!(!store.batch_repeat(new.id, &more).await.expect("no error"), "once is enough");
        assert_eq!(store.batch_failures(new.id).await.expect("counted"), 0);
        end(store, again[1].id, Reason::Completed, Cost { usd: 0.5, known: true }).await;

        let stands = store.batch_fetch(new.id).await.expect("read").expect("a batch");
        assert_eq!(stands.runs.iter().map(|run| run.id).collect::<Vec<_>>(), [again[0].id, again[1].id]);
        assert_eq!(stands.runs[1].outcome, Some(Outcome::Succeeded));
        assert_eq!(
            (stands.states["queued"], stands.states["ended"], stands.outcomes["succeeded"]),
            (1, 1, 1)
        );
        assert_eq!((stands.outcomes.len(), stands.active, stands.ended_at), (1, true, None));
        assert_eq!(stands.stopped, None, "repeating lifts the stop");
        assert_eq!(stands.cost, Cost { usd: 2.25, known: false });
        let budget = store.batch_budget(new.id).await.expect("read");
        assert_eq!(budget, Some(Budget { spent: 2.25, known: false, ..Budget::new(Some(2.5)) }));
        assert_eq!(store.batch_budget(BatchId::mint()).await.expect("read"), None);
        let listed = store.batch_list(Some(new.task_id), None, 10).await.expect("a list").items;
        assert_eq!(listed, [api::batch::Batch { runs: Vec::new(), ..stands }], "{}", fresh.kind);
        end(store, again[0].id, Reason::Completed, Cost { usd: 0.0, known: true }).await;
        let over = store.batch_fetch(new.id).await.expect("read").expect("a batch");
        assert!(!over.active && over.ended_at.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_runs_yet_costs_nothing() {
    for fresh in both().await {
        let (new, _) = batch(&["a/a"]);
        fresh.store.batch_insert(&new, &[], None).await.expect("stored");
        let budget = fresh.store.batch_budget(new.id).await.expect("read").expect("a batch");
        assert_eq!((budget.spent, budget.known), (0.0, true), "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_batch_is_remembered_by_each_of_its_runs() {
    for fresh in both().await {
        let (new, runs) = batch(&["a/a", "b/b"]);
        fresh.store.batch_insert(&new, &runs, None).await.expect("stored");
        end(&fresh.store, runs[0].id, Reason::Completed, Cost { usd: 0.0, known: true }).await;
        fresh.store.batch_stop(new.id, "Cancelled.", true).await.expect("stopped");
        let asked = async |run: &Run| {
            fresh.store.run_record(run.id).await.expect("read").expect("a run").cancel_requested
        };
        assert_eq!((asked(&runs[0]).await, asked(&runs[1]).await), (false, true), "{}", fresh.kind);
        let limits = fresh.store.queue_batches(&[new.id]).await.expect("read");
        assert_eq!(limits[&new.id].stopped.as_deref(), Some("Cancelled."));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_read_by_priority_then_age() {
    for fresh in both().await {
        let (new, mut runs) = batch(&["a/a", "b/b", "c/c", "d/d"]);
        for (run, priority) in runs.iter_mut().zip([0, -100, 100, 0]) {
            run.priority = priority;
        }
        fresh.store.batch_insert(&new, &runs, None).await.expect("stored");
        let claimed = RunWrite::of(runs[3].id).transition(Transition::Claim);
        fresh.store.run_write(claimed).await.expect("claimed");
        let queued = fresh.store.queue_list(10).await.expect("read");
        let ids: Vec<RunId> = queued.iter().map(|row| row.id).collect();
        assert_eq!(ids, [runs[2].id, runs[0].id, runs[1].id], "{}", fresh.kind);
        assert_eq!((queued[0].batch_id, queued[0].repository.as_str()), (Some(new.id), "c/c"));
        let working = fresh.store.queue_list_working().await.expect("read");
        assert_eq!((working.len(), working[0].state), (1, RunState::Starting));
        let oldest = fresh.store.queue_oldest().await.expect("read").expect("a time");
        assert_eq!(oldest.as_microsecond(), runs[0].created_at.as_microsecond());
    }
}
