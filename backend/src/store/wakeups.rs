//! Wake-ups. They carry no data: whoever is woken reads the log.
//!
//! The newest events of a run that is followed are kept beside its wake-up, so that a reader that is not behind
//! need not ask the database for what was written a moment ago. The only things that travel live are tokens
//! on their way (`Partial`), which are not part of any log.

mod tail;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use api::id::{BatchId, RunId};
use tokio::sync::{broadcast, watch};

use super::{
    Error,
    entity::run_event::Row,
    events::{EventPage, StoredEvent},
    large::LARGE,
};
use tail::Tail;

/// Tokens of a run as they come.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The new text.
    pub text: String,
    /// `text` or `thinking`.
    pub block: String,
}

/// How many changed runs a slow listener may be behind before it has to look at everything.
const CHANGES: usize = 1024;
/// How many tokens a slow reader may be behind before it misses some.
const PARTIALS: usize = 256;

/// How many wake-ups are kept before those that nobody waits for are removed.
const MOST_KEPT: usize = 1024;

pub(crate) struct Wakeups {
    events: Mutex<HashMap<RunId, Line>>,
    partials: Mutex<HashMap<RunId, broadcast::Sender<Partial>>>,
    changes: broadcast::Sender<RunId>,
    remote: broadcast::Sender<RunId>,
    batches: Mutex<HashMap<BatchId, watch::Sender<()>>>,
}

/// What leads to the followers of one run.
struct Line {
    wakeups: watch::Sender<()>,
    tail: Tail,
}

impl Default for Wakeups {
    fn default() -> Self {
        Self {
            events: Mutex::default(),
            partials: Mutex::default(),
            changes: broadcast::channel(CHANGES).0,
            remote: broadcast::channel(CHANGES).0,
            batches: Mutex::default(),
        }
    }
}

impl Wakeups {
    pub(crate) fn run_events(&self, run: RunId) -> watch::Receiver<()> {
        let mut events = lock(&self.events);
        if MOST_KEPT < events.len() {
            events.retain(|_, line| 0 < line.wakeups.receiver_count());
        }
        let new = || Line { wakeups: watch::channel(()).0, tail: Tail::default() };
        events.entry(run).or_insert_with(new).wakeups.subscribe()
    }

    /// The newest events after number `after`, when they are still at hand.
    pub(crate) fn recent(&self, run: RunId, after: i64) -> Option<EventPage> {
        lock(&self.events).get(&run)?.tail.after(after)
    }

    pub(crate) fn run_partials(&self, run: RunId) -> broadcast::Receiver<Partial> {
        let mut partials = lock(&self.partials);
        if MOST_KEPT < partials.len() {
            partials.retain(|_, readers| 0 < readers.receiver_count());
        }
        partials.entry(run).or_insert_with(|| broadcast::channel(PARTIALS).0).subscribe()
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<RunId> {
        self.changes.subscribe()
    }

    /// Wakes everyone who follows these runs. Called after the commit, never before.
    pub(crate) fn publish(&self, rows: &[Row<'_>]) {
        for rows in rows.chunk_by(|one, next| one.run == next.run) {
            let run = rows[0].run;
            let followed = lock(&self.events).get(&run).is_some_and(|line| 0 < line.wakeups.receiver_count());
            // Made outside of the lock, and only for someone. What cannot be made is read from the database.
            // A long text is not kept: its followers share one.
            let short = rows.iter().all(|row| row.body.data.len() <= LARGE);
            let new = if followed && short {
                rows.iter().map(|row| Ok(Arc::new(row.try_into()?))).collect()
            } else {
                Ok(Vec::new())
            };
            self.notify(run, new.unwrap_or_else(|_: Error| Vec::new()));
        }
    }

    fn notify(&self, run: RunId, new: Vec<Arc<StoredEvent>>) {
        let mut events = lock(&self.events);
        if let Some(line) = events.get_mut(&run) {
            if line.wakeups.receiver_count() == 0 {
                events.remove(&run);
            } else {
                line.tail.push(new);
                line.wakeups.send_replace(());
            }
        }
    }

    /// Tells everyone who watches the list of runs. Nobody watching is fine.
    pub(super) fn notify_change(&self, run: RunId) {
        let _ = self.changes.send(run);
    }

    pub(super) fn remote(&self) -> broadcast::Receiver<RunId> {
        self.remote.subscribe()
    }

    /// Another backend has changed this run: its events are in the database.
    pub(super) fn notify_remote(&self, run: RunId) {
        self.notify(run, Vec::new());
        self.notify_change(run);
        let _ = self.remote.send(run);
    }

    /// Rings when a model call of this batch is over.
    pub(super) fn batch(&self, batch: BatchId) -> watch::Receiver<()> {
        let mut batches = lock(&self.batches);
        batches.retain(|_, wakeups| 0 < wakeups.receiver_count());
        batches.entry(batch).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    pub(super) fn notify_batch(&self, batch: BatchId) {
        if let Some(wakeups) = lock(&self.batches).get(&batch) {
            wakeups.send_replace(());
        }
    }

    /// Wakes every follower: something may have been missed.
    pub(super) fn notify_all(&self) {
        let runs: Vec<RunId> = lock(&self.events).keys().copied().collect();
        for run in runs {
            self.notify_remote(run);
        }
    }

    pub(super) fn send_partial(&self, run: RunId, partial: Partial) {
        let mut partials = lock(&self.partials);
        if let Some(readers) = partials.get(&run)
            && readers.send(partial).is_err()
        {
            partials.remove(&run);
        }
    }
}

/// A panic while one of these maps is locked leaves it whole: each holder makes a single change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
