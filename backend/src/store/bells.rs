//! Bells: wake-ups that carry no data. Whoever hears one reads the database.
//!
//! The only things that travel live are tokens on their way (`Partial`), which are not part of any log.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use api::id::RunId;
use tokio::sync::{broadcast, watch};

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

/// How many bells are kept before those that nobody hears are thrown away.
const BELLS: usize = 1024;

pub(super) struct Bells {
    events: Mutex<HashMap<RunId, watch::Sender<()>>>,
    partials: Mutex<HashMap<RunId, broadcast::Sender<Partial>>>,
    changes: broadcast::Sender<RunId>,
}

impl Default for Bells {
    fn default() -> Self {
        Self { events: Mutex::default(), partials: Mutex::default(), changes: broadcast::channel(CHANGES).0 }
    }
}

impl Bells {
    pub(super) fn run_events(&self, run: RunId) -> watch::Receiver<()> {
        let mut events = lock(&self.events);
        if BELLS < events.len() {
            events.retain(|_, bell| 0 < bell.receiver_count());
        }
        events.entry(run).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    pub(super) fn run_partials(&self, run: RunId) -> broadcast::Receiver<Partial> {
        let mut partials = lock(&self.partials);
        if BELLS < partials.len() {
            partials.retain(|_, readers| 0 < readers.receiver_count());
        }
        partials.entry(run).or_insert_with(|| broadcast::channel(PARTIALS).0).subscribe()
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<RunId> {
        self.changes.subscribe()
    }

    /// Wakes everyone who follows this run. Called after the commit, never before.
    pub(super) fn ring(&self, run: RunId) {
        let mut events = lock(&self.events);
        if let Some(bell) = events.get(&run) {
            if bell.receiver_count() == 0 {
                events.remove(&run);
            } else {
                bell.send_replace(());
            }
        }
    }

    /// Tells everyone who watches the list of runs. Nobody watching is fine.
    pub(super) fn ring_change(&self, run: RunId) {
        let _ = self.changes.send(run);
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
