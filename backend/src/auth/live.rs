//! Connections that stay open behind the gate: sockets and streams of events. They end soon after what they were
//! let in with: a token that was revoked, replaced or has expired, or a session that was ended.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api::{Timestamp, error::ApiError};
use tokio_util::sync::CancellationToken;

use super::{
    gate::{Caller, Identity, unavailable},
    sessions::Sessions,
};
use crate::{server::Cut, store::Store, tasks::Tasks};

/// Between two looks whether they may go on.
const LOOK: Duration = Duration::from_secs(2);

/// What somebody was let in with: the kind, the hash of it, and the hash of its token.
type Shown = (Caller, [u8; 32], [u8; 32]);

/// The connections that are open. Cheap to clone.
#[derive(Clone)]
pub(super) struct Live {
    store: Store,
    sessions: Sessions,
    open: Arc<Mutex<HashMap<(u64, Shown), Cut>>>,
}

impl Live {
    /// Begins to look after them.
    pub(super) fn new(store: Store, sessions: Sessions, tasks: &Tasks) -> Self {
        let live = Self { store, sessions, open: Arc::default() };
        let looking = live.clone();
        tasks.spawn("auth.live", |stop| looking.look(stop));
        live
    }

    /// Notes that this connection stays open for somebody.
    pub(super) fn note(&self, known: &Identity, cut: &Cut) {
        let shown = (known.caller, known.hash, known.token);
        self.open().insert((cut.connection, shown), cut.clone());
    }

    async fn look(self, stop: CancellationToken) {
        while tokio::time::timeout(LOOK, stop.cancelled()).await.is_err() {
            self.open().retain(|_, cut| !cut.ended.is_cancelled());
            let shown: HashSet<Shown> = self.open().keys().map(|(_, shown)| *shown).collect();
            for shown in shown {
                // While the database is away nobody is shut out.
                if self.lives(shown).await.unwrap_or(true) {
                    continue;
                }
                tracing::info!("connections are cut: their token or session has ended");
                let open = self.open();
                open.iter().filter(|((_, its), _)| *its == shown).for_each(|(_, cut)| cut.ended.cancel());
            }
        }
    }

    async fn lives(&self, (caller, hash, token): Shown) -> Result<bool, ApiError> {
        let now = Timestamp::now();
        match caller {
            Caller::Session => Ok(self.sessions.owner(hash, now).await?.is_some()),
            Caller::Token => Ok(self.store.token_name(token, now).await.map_err(unavailable)?.is_some()),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<(u64, Shown), Cut>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
