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

use api::{Timestamp, audit::AuditEntry, error::ApiError, id::AuditId};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{caller::Caller, store::Store, tasks::Tasks};

/// How many entries may wait.
const QUEUE: usize = 4096;
/// How many are stored at once.
const GROUP: usize = 256;
/// How long an answer may wait for its entry.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries to store.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest sentence of an error that is kept in the audit log, in characters.
const MAX_ERROR: usize = 300;

/// The entry in the audit log for something that was done or tried. Neither parameters nor texts are in it, for they
/// may be private.
pub(crate) fn entry(
    caller: Option<&Caller>,
    action: &str,
    target: Option<String>,
    result: Result<(), &ApiError>,
) -> AuditEntry {
    let error = result.err().map(why);
    AuditEntry {
        id: AuditId::mint(),
        at: Timestamp::now(),
        actor: caller.map_or("nobody", |caller| &caller.name).to_owned(),
        origin: caller.and_then(|caller| caller.address).map(|address| address.to_string()),
        action: action.to_owned(),
        target,
        ok: error.is_none(),
        error,
    }
}

/// Why something was refused; of a wrong parameter only which one, for the sentence may repeat it.
fn why(error: &ApiError) -> String {
    let text = match error {
        ApiError::Invalid { field, .. } => format!("{field}: is not valid"),
        error => error.to_string(),
    };
    text.chars().take(MAX_ERROR).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_about_a_wrong_parameter_does_not_repeat_it() {
        let error = ApiError::invalid("value", "`hunter2` is too short");
        let entry = entry(None, "secrets.set", None, Err(&error));
        assert_eq!(entry.error.as_deref(), Some("value: is not valid"));
        assert_eq!((entry.actor.as_str(), entry.ok), ("nobody", false));
    }
}
