//! What is said of a batch, and the exit code.

use std::collections::BTreeMap;

use api::{Timestamp, id::TaskId, run::Cost};

use super::*;

fn batch(states: &[(&str, u64)], outcomes: &[(&str, u64)]) -> Batch {
    let counts = |counts: &[(&str, u64)]| -> BTreeMap<String, u64> {
        counts.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    };
    Batch {
        id: BatchId(uuid::Uuid::from_u128(7)),
        task_id: TaskId(uuid::Uuid::from_u128(8)),
        owner: None,
        name: "A task".into(),
        concurrency: None,
        stop_after_failures: None,
        budget_usd: None,
        active: states.iter().any(|(name, _)| *name != "ended"),
        stopped: None,
        states: counts(states),
        outcomes: counts(outcomes),
        cost: Cost { usd: 1.5, known: true },
        runs: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        ended_at: None,
    }
}

#[test]
fn progress_is_told_in_one_line() {
    let going = batch(&[("ended", 3), ("queued", 4), ("running", 2)], &[("failed", 1), ("succeeded", 2)]);
    assert_eq!(progress(&going), "3 of 9 over (1 failed, 2 succeeded), 2 running, 4 queued; $1.5000");
    let new = Batch { cost: Cost { usd: 0.0, known: true }, ..batch(&[("queued", 2)], &[]) };
    assert_eq!(progress(&new), "0 of 2 over, 2 queued; $0.0000");
    let stopped = Batch { stopped: Some("Enough.".into()), ..batch(&[("ended", 1)], &[("cancelled", 1)]) };
    assert_eq!(progress(&stopped), "1 of 1 over (1 cancelled); $1.5000; stopped: Enough.");
}

#[test]
fn a_batch_has_succeeded_only_if_each_of_its_targets_has() {
    let code = |outcomes: &[(&str, u64)]| format!("{:?}", exit_code(&batch(&[("ended", 2)], outcomes)));
    assert_eq!(code(&[("succeeded", 2)]), format!("{:?}", ExitCode::SUCCESS));
    for outcomes in
        [&[("succeeded", 1), ("failed", 1)][..], &[("succeeded", 1), ("cancelled", 1)], &[("lost", 2)]]
    {
        assert_eq!(code(outcomes), format!("{:?}", ExitCode::from(FAILED)), "{outcomes:?}");
    }
}
