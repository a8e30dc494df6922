//! The budget of a batch against model calls side by side, on both databases.

use api::{
    Timestamp,
    id::{BatchId, RunId, TaskId},
    run::{Cost, Reason, Run, RunState},
    task::{Step, TaskSpec},
};
use backend::store::{Held, NewBatch, RunPatch, RunWrite, Store};
use futures::future::join_all;
use uuid::Uuid;

use crate::databases::both;

/// A batch of four runs that may cost a dollar together.
async fn batch(store: &Store) -> (BatchId, Vec<RunId>) {
    let targets: Vec<String> = (0..4).map(|n| format!("a/{n}")).collect();
    let new = NewBatch {
        id: BatchId::mint(),
        task_id: TaskId::mint(),
        name: "A task".into(),
        targets: targets.clone(),
        concurrency: None,
        stop_after_failures: None,
        budget_usd: Some(1.0),
        owner: "anybody".to_owned(),
    };
    let spec = TaskSpec::new("A task", vec![Step { instructions: "Do it.".into(), checks: Vec::new() }]);
    let run = |target: String| {
        let mut run = Run::queued(RunId::mint(), new.task_id, spec.clone(), target, Timestamp::now());
        run.batch_id = Some(new.id);
        run
    };
    let runs: Vec<Run> = targets.into_iter().map(run).collect();
    store.batch_insert(&new, &runs, None).await.expect("stored");
    (new.id, runs.into_iter().map(|run| run.id).collect())
}

/// So many calls of each run at once, each of which costs at most so much. Returns those that may leave.
async fn calls(store: &Store, batch: BatchId, runs: &[RunId], each: usize, most: f64) -> Vec<Uuid> {
    let asked = runs.iter().flat_map(|&run| (0..each).map(move |_| (run, Uuid::now_v7())));
    let hold = |(run, call)| async move {
        let held = store.batch_hold(batch, (run, 0), call, Some(most)).await.expect("stored");
        (held == Held::Yes).then_some(call)
    };
    join_all(asked.map(hold)).await.into_iter().flatten().collect()
}

async fn costs(store: &Store, run: RunId, usd: f64, known: bool) {
    let patch = RunPatch { cost: Some(Cost { usd, known }), ..RunPatch::default() };
    store.run_write(RunWrite::of(run).patch(patch)).await.expect("stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_side_by_side_cross_the_batch_s_line_by_one_at_most() {
    for fresh in both().await {
        let store = &fresh.store;
        let (batch, runs) = batch(store).await;
        let first = calls(store, batch, &runs, 5, 0.01).await;
        assert_eq!(first.len(), 1, "{}: nobody knows yet what a call costs", fresh.kind);
        costs(store, runs[0], 0.1, true).await;
        store.batch_release(batch, first[0], Some(0.1)).await.expect("stored");

        let cheap = calls(store, batch, &runs, 5, 0.01).await;
        assert_eq!(cheap.len(), 9, "{}: as dear as the dearest, which was a tenth", fresh.kind);
        for &call in &cheap {
            store.batch_release(batch, call, Some(0.05)).await.expect("stored");
        }
        assert_eq!(calls(store, batch, &runs, 5, 0.4).await.len(), 2, "{}: dear ones hold more", fresh.kind);
        let budget = store.batch_budget(batch).await.expect("read").expect("a batch");
        assert_eq!((budget.calls, budget.held, budget.dearest), (2, 0.8, Some(0.1)), "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_its_line_and_when_a_cost_is_unknown_a_batch_lets_no_call_leave() {
    for fresh in both().await {
        let store = &fresh.store;
        let (batch, runs) = batch(store).await;
        costs(store, runs[0], 0.1, false).await;
        assert_eq!(calls(store, batch, &runs, 1, 0.1).await.len(), 0, "{}: unknown", fresh.kind);
        store.batch_set_budget(batch, 0.5).await.expect("a person has set it");
        let call = calls(store, batch, &runs, 1, 0.1).await;
        assert_eq!(call.len(), 1, "{}", fresh.kind);
        store.batch_release(batch, call[0], Some(0.5)).await.expect("stored");
        costs(store, runs[1], 0.5, true).await;
        assert_eq!(calls(store, batch, &runs, 1, 0.1).await.len(), 0, "{}: used up", fresh.kind);
        let unpriced = store.batch_hold(batch, (runs[0], 0), Uuid::now_v7(), None).await.expect("read");
        assert_eq!(unpriced, Held::No);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_end_nobody_saw_holds_nothing_for_good() {
    for fresh in both().await {
        let store = &fresh.store;
        let (batch, runs) = batch(store).await;
        assert_eq!(calls(store, batch, &runs[..1], 1, 0.4).await.len(), 1);
        let other = store.batch_hold(batch, (runs[1], 7), Uuid::now_v7(), Some(0.1)).await.expect("read");
        assert_eq!(other, Held::No, "{}", fresh.kind);
        // Its backend goes away, and another one takes the run over.
        assert!(store.batch_has_calls_of(runs[0]).await.expect("read"), "what it cost is unknown");
        store.batch_forget_calls_of(runs[0]).await.expect("stored");
        assert!(!store.batch_has_calls_of(runs[0]).await.expect("read"));
        let stale = store.batch_hold(batch, (runs[1], 7), Uuid::now_v7(), Some(0.1)).await.expect("read");
        assert_eq!(stale, Held::Fenced, "{}: of a lease that has moved", fresh.kind);

        assert_eq!(calls(store, batch, &runs[2..3], 1, 0.4).await.len(), 1);
        let end = RunWrite::of(runs[2]).end(Reason::CancelledByUser, "Over.");
        assert_eq!(store.run_write(end).await.expect("ended").state, RunState::Ended);
        assert_eq!(
            calls(store, batch, &runs[3..], 1, 0.4).await.len(),
            1,
            "{}: a run that is over",
            fresh.kind
        );
    }
}
