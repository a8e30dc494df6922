//! The audit log as it is written: an entry is stored before its answer goes out.
//!
//! What was done stays done when the database is away: then nobody waits, entries gather in a bounded queue and are
//! stored when it is back. One that finds no place goes to the log of the process, as one that never could be stored.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api::audit::AuditEntry;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{store::Store, tasks::Tasks};

/// How many entries may wait.
const QUEUE: usize = 4096;
/// How many are stored at once.
const GROUP: usize = 256;
/// How long an answer may wait for its entry.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries to store.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes entries for the audit log. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<Job>,
    /// Whether the database does not take entries now.
    is_behind: Arc<AtomicBool>,
}

struct Job {
    entry: AuditEntry,
    stored: oneshot::Sender<()>,
}

impl Audit {
    /// Begins to write to this store. What waits at the end is written before the process ends, if it can be.
    #[must_use]
    pub fn new(store: Store, tasks: &Tasks) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let is_behind = Arc::new(AtomicBool::new(false));
        let behind = is_behind.clone();
        tasks.spawn_service("audit", |stop| write(store, jobs, behind, stop));
        Self { queue, is_behind }
    }

    /// Stores an entry and comes back when it is stored, or when that takes too long.
    pub async fn record(&self, entry: AuditEntry) {
        let (stored, waits) = oneshot::channel();
        if let Err(error) = self.queue.try_send(Job { entry, stored }) {
            let (mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job)) = error;
            return to_log(&job.entry);
        }
        if !self.is_behind.load(Ordering::Relaxed) && tokio::time::timeout(PATIENCE, waits).await.is_err() {
            self.is_behind.store(true, Ordering::Relaxed);
        }
    }
}

async fn write(
    store: Store,
    mut jobs: mpsc::Receiver<Job>,
    behind: Arc<AtomicBool>,
    stop: CancellationToken,
) {
    let mut group = Vec::new();
    loop {
        let got = tokio::select! {
            biased;
            got = jobs.recv_many(&mut group, GROUP) => got,
            () = stop.cancelled() => return,
        };
        if got == 0 {
            return;
        }
        let (entries, stored): (Vec<_>, Vec<_>) = group.drain(..).map(|job| (job.entry, job.stored)).unzip();
        if !insist(&store, &entries, &behind, &stop).await {
            entries.iter().for_each(to_log);
        }
        for waiting in stored {
            // It may have gone on without.
            let _ = waiting.send(());
        }
    }
}

/// Stores entries, again and again while the database is away. `false` when the process stops first.
async fn insist(
    store: &Store,
    entries: &[AuditEntry],
    behind: &AtomicBool,
    stop: &CancellationToken,
) -> bool {
    loop {
        // Asked before the try, so that one is made after the stop whenever that comes.
        let is_last = stop.is_cancelled();
        match store.audit_insert(entries).await {
            Ok(()) => {
                behind.store(false, Ordering::Relaxed);
                return true;
            }
            Err(error) => {
                behind.store(true, Ordering::Relaxed);
                tracing::warn!(entries = entries.len(), %error, "the audit log cannot be written yet, trying again");
            }
        }
        if is_last {
            return false;
        }
        // At the stop it is tried once more.
        let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
    }
}

/// The last place for an entry that cannot be stored.
fn to_log(entry: &AuditEntry) {
    let AuditEntry { id, at, actor, origin, action, target, ok, error } = entry;
    tracing::error!(%id, %at, actor, ?origin, action, ?target, ok, ?error, "not in the audit log: it cannot be stored");
}
