//! Which writes share a transaction: those that are there. A lone one never waits for company.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::queue::{Job, Jobs};

/// The most writes in one transaction.
const WRITES: usize = 512;
/// The most bytes of events in one transaction, but for a single write that is larger.
const BYTES: usize = 4 << 20;
/// The longest a group waits for writes that are on their way.
const WINDOW: Duration = Duration::from_millis(2);

/// Waits for a write, then takes what else is there. Nothing means that no more will come.
///
/// When the last group was large, its senders were answered just now and are about to send again: they get
/// their turn before the next transaction begins, as long as each turn brings something.
pub(super) async fn gather(jobs: &mut Jobs, last: usize, stop: &CancellationToken) -> Vec<Job> {
    let first = tokio::select! {
        biased;
        first = jobs.recv() => first,
        () = stop.cancelled() => {
            jobs.close();
            jobs.recv().await
        }
    };
    let Some(first) = first else { return Vec::new() };
    let mut bytes = first.change.bytes();
    let mut group = vec![first];
    let begun = Instant::now();
    loop {
        let before = group.len();
        while group.len() < WRITES && bytes < BYTES {
            let Ok(next) = jobs.try_recv() else { break };
            bytes += next.change.bytes();
            group.push(next);
        }
        let full = WRITES <= group.len() || BYTES <= bytes;
        let waited = 1 < before && group.len() == before;
        if full || last <= group.len() || waited || WINDOW < begun.elapsed() {
            return group;
        }
        tokio::task::yield_now().await;
    }
}
