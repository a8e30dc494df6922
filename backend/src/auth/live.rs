//! Connections that stay open behind the gate: sockets and streams of events. They end soon after what they were
//! let in with: a token that was revoked, replaced or has expired, or a session that was ended.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use api::{Timestamp, error::ApiError};
use tokio_util::sync::CancellationToken;

use super::{gate::unavailable, sessions::Sessions};
use crate::{
    caller::{Caller, Proof},
    server::Cut,
    store::Store,
    tasks::Tasks,
};

/// Between two looks whether they may go on.
const LOOK: Duration = Duration::from_secs(2);

/// The connections that are open. Cheap to clone.
#[derive(Clone)]
pub(super) struct Live {
    store: Store,
    sessions: Sessions,
    open: Arc<Mutex<HashMap<(u64, Proof), Cut>>>,
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
    pub(super) fn note(&self, known: &Caller, cut: &Cut) {
        self.open().insert((cut.connection, known.proof), cut.clone());
    }

    async fn look(self, stop: CancellationToken) {
        while tokio::time::timeout(LOOK, stop.cancelled()).await.is_err() {
            self.open().retain(|_, cut| !cut.ended.is_cancelled());
            let proofs: HashSet<Proof> = self.open().keys().map(|(_, proof)| *proof).collect();
            for proof in proofs {
                // While the database is away nobody is shut out.
                if self.lives(proof).await.unwrap_or(true) {
                    continue;
                }
                tracing::info!("connections are cut: their token or session has ended");
                let open = self.open();
                open.iter().filter(|((_, its), _)| *its == proof).for_each(|(_, cut)| cut.ended.cancel());
            }
        }
    }

    async fn lives(&self, proof: Proof) -> Result<bool, ApiError> {
        let now = Timestamp::now();
        let token = match proof {
            Proof::Session { session, .. } => self.sessions.token(session, now).await?,
            Proof::Token { token } => self.store.token_fetch(token, now).await.map_err(unavailable)?,
            Proof::Server => return Ok(true),
        };
        Ok(token.is_some())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<(u64, Proof), Cut>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
