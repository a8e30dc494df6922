//! The dispatcher: gives queued runs a place. Which ones is decided in `choose`, which batches begin no further
//! run in `halt`.

mod choose;
mod halt;

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use api::{
    id::{BatchId, RunId},
    run::{RunState, Transition},
};
use tokio_util::sync::CancellationToken;

use self::choose::{Candidate, Limits, choose};
use super::{Job, Scope, repeat};
use crate::{
    app::{App, Error, targets},
    drive,
    store::{self, BatchLimits, QueueRow, RunWrite},
};

/// Woken when the queue or a slot has changed.
const JOB: Job = Job { name: "dispatch", period: Duration::from_secs(5), scope: Scope::EachServer };
/// How many runs of the queue are looked at, from its front: bounds the memory of a look.
const WINDOW: u64 = 20_000;

/// Runs until the process stops.
pub(super) async fn run(app: App, stop: CancellationToken) {
    let claimed = AtomicU64::new(0);
    repeat(&app, &JOB, &app.queue_changed, &stop, || fill(&app, &claimed)).await;
}

/// Claims as many runs as there are free places, and starts a driver for each.
async fn fill(app: &App, claimed: &AtomicU64) -> Result<(), Error> {
    let working = app.store.queue_list_working().await?;
    let free = free_slots(app, &working);
    if free == 0 {
        return Ok(());
    }
    let queued = app.store.queue_list(WINDOW).await?;
    if queued.is_empty() {
        return Ok(());
    }
    // After the queue was read: what has failed since then counts.
    let batches = halt::stop(app, &queued).await?;
    let queued = queued.into_iter().filter(|row| row.batch_id.is_none_or(|id| batches.contains_key(&id)));
    let queued: Vec<Candidate> = queued.map(candidate).collect();
    let working: Vec<Candidate> =
        working.into_iter().filter(|row| row.state != RunState::Waiting).map(candidate).collect();
    let limits = Limits { free, per_repository: app.config.runs.slots_per_repository, batches: of(&batches) };
    for id in choose(&queued, &working, &limits, claimed.load(Ordering::Relaxed)) {
        if claim(app, id).await? {
            claimed.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// The places that are free here: a run that waits for a person gives its place up, and takes it again when it
/// is answered, even if there are too many then.
fn free_slots(app: &App, working: &[QueueRow]) -> usize {
    let waiting: HashSet<RunId> =
        working.iter().filter(|row| row.state == RunState::Waiting).map(|row| row.id).collect();
    let taken = app.drivers().keys().filter(|id| !waiting.contains(id)).count();
    (app.config.runs.slots as usize).saturating_sub(taken)
}

async fn claim(app: &App, id: RunId) -> Result<bool, Error> {
    let mut claim = RunWrite::of(id).transition(Transition::Claim);
    claim.only_in = Some(RunState::Queued);
    match app.store.run_write(claim).await {
        Ok(_) => {
            drive::spawn(app, id);
            Ok(true)
        }
        // Cancelled in this very moment, or claimed by another backend.
        Err(store::Error::Stale(_) | store::Error::Illegal(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn of(batches: &HashMap<BatchId, BatchLimits>) -> HashMap<BatchId, u32> {
    batches.iter().filter_map(|(id, limits)| Some((*id, limits.concurrency?))).collect()
}

fn candidate(row: QueueRow) -> Candidate {
    // What is stored was accepted once; should it no longer be, it is its own repository.
    let repository = targets::identity(&row.repository).unwrap_or(row.repository);
    Candidate {
        id: row.id,
        group: row.batch_id.map_or(choose::Group::Task(row.task_id), choose::Group::Batch),
        repository,
        priority: row.priority,
    }
}
