//! The sessions of browsers. While the database cannot be written they are kept in memory, so that people can
//! still sign in and see how things are.
//!
//! A session that is lost with the process costs its owner one more sign-in. One that was ended is not accepted
//! again while this process lives, and its end is reported only when it is stored.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api::{Timestamp, error::ApiError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::gate::unavailable;
use crate::{
    store::{self, Store, StoredToken},
    tasks::Tasks,
};

/// How many changes may wait for the database.
const MOST: usize = 1024;
/// How long a caller waits until its session is stored.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries to store.
const PAUSE: Duration = Duration::from_secs(1);

type Hash = [u8; 32];

/// Begins, finds and ends sessions. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sessions {
    store: Store,
    waiting: Arc<Mutex<HashMap<Hash, Change>>>,
    changed: Arc<Notify>,
}

/// What happened to a session and is not stored yet.
#[derive(Clone, PartialEq, Eq)]
enum Change {
    Begun { actor: Arc<str>, token: Hash, expires: Timestamp },
    Ended,
}

impl Sessions {
    /// Sessions in this store.
    pub(super) fn new(store: Store, tasks: &Tasks) -> Self {
        let sessions = Self { store, waiting: Arc::default(), changed: Arc::default() };
        let saver = sessions.clone();
        tasks.spawn_service("sessions", |stop| saver.save(stop));
        sessions
    }

    /// Begins a session.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored and too many wait already.
    pub(super) async fn begin(
        &self,
        hash: Hash,
        actor: Arc<str>,
        token: Hash,
        expires: Timestamp,
    ) -> Result<(), ApiError> {
        let change = Change::Begun { actor, token, expires };
        self.store_soon(hash, &change).await.or_else(|error| match self.keep(hash, change) {
            true => {
                self.changed.notify_one();
                Ok(())
            }
            false => Err(unavailable(error)),
        })
    }

    /// The token that began this session, if neither of the two is over.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub(super) async fn token(&self, hash: Hash, now: Timestamp) -> Result<Option<StoredToken>, ApiError> {
        let waiting = self.waiting().get(&hash).cloned();
        let token = match waiting {
            Some(Change::Begun { token, expires, .. }) => (now < expires).then_some(token),
            Some(Change::Ended) => None,
            None => self.store.session_token(hash, now).await.map_err(unavailable)?,
        };
        let Some(token) = token else { return Ok(None) };
        self.store.token_fetch(token, now).await.map_err(unavailable)
    }

    /// Ends a session, in this process also when that cannot be stored yet.
    ///
    /// # Errors
    /// `Unavailable` when it is not stored yet; that is tried again.
    pub(super) async fn end(&self, hash: Hash) -> Result<(), ApiError> {
        // At once: what waits here counts before what is stored.
        self.keep(hash, Change::Ended);
        let stored = self.store_soon(hash, &Change::Ended).await;
        match stored.is_ok() {
            true => self.forget(hash, &Change::Ended),
            false => self.changed.notify_one(),
        }
        stored.map_err(unavailable)
    }

    async fn store_soon(&self, hash: Hash, change: &Change) -> Result<(), store::Error> {
        tokio::time::timeout(PATIENCE, self.write(hash, change)).await.unwrap_or(Err(store::Error::Closed))
    }

    async fn write(&self, hash: Hash, change: &Change) -> Result<(), store::Error> {
        match change {
            Change::Begun { actor, token, expires } => {
                self.store.session_insert(hash, actor, *token, *expires).await
            }
            Change::Ended => self.store.session_delete(hash).await,
        }
    }

    /// Stores what waits, as soon as the database takes it.
    async fn save(self, stop: CancellationToken) {
        loop {
            let waiting: Vec<_> = self.waiting().iter().map(|(hash, it)| (*hash, it.clone())).collect();
            if waiting.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.changed.notified() => continue,
                }
            }
            for (hash, change) in waiting {
                if self.store_soon(hash, &change).await.is_err() {
                    break;
                }
                self.forget(hash, &change);
            }
            if stop.is_cancelled() {
                return;
            }
            // At the stop it is tried once more.
            let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
        }
    }

    /// Keeps a change until it is stored. Answers `false` when there is no place.
    fn keep(&self, hash: Hash, change: Change) -> bool {
        let mut waiting = self.waiting();
        let has_place = waiting.len() < MOST || waiting.contains_key(&hash);
        if has_place {
            waiting.insert(hash, change);
        }
        has_place
    }

    /// Forgets a change that is stored, unless another one has followed.
    fn forget(&self, hash: Hash, stored: &Change) {
        let mut waiting = self.waiting();
        if waiting.get(&hash) == Some(stored) {
            waiting.remove(&hash);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Hash, Change>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
