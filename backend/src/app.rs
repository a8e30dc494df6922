//! The app: every verb there is, for RPC, REST and the CLI alike. Decides; the layers below touch the world.

mod audit;
mod batches;
mod cancel;
mod egress;
pub mod follow;
mod instances;
mod kept;
pub mod repository;
mod runs;
mod secrets;
pub(crate) mod system;
pub(crate) mod talk;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod tokens;
mod validate;
pub(crate) mod verbs;

pub use batches::CreateBatch;
pub(crate) use batches::targets;
pub(crate) use kept::RunLog;
pub use runs::CreateRun;
pub(crate) use system::room::{LogRoom, Room};

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use api::{error::ApiError, id::RunId};
use tokio::sync::{Notify, watch::Sender};
use tokio_util::sync::CancellationToken;

use crate::{
    audit::Audit,
    broker::Broker,
    config::Config,
    engine, jobs,
    keys::Keys,
    mask::Mask,
    secrets::{Key, KeyRing, Unopened},
    store::Store,
    tasks::Tasks,
};

/// Why a verb was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's fault, or something the caller should know as it is.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// The store's.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The container engine's.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A secret that no key of this server opens.
    #[error("the secret `{name}` cannot be opened: {why}")]
    Sealed {
        /// The secret.
        name: String,
        /// Why not.
        why: Unopened,
    },
}

/// After how long a caller should try again when something is away, in milliseconds.
const RETRY_AFTER_MS: u64 = 2_000;

impl From<Error> for ApiError {
    /// The one place where an error meets the wire. What becomes `Internal` is logged here, once.
    fn from(error: Error) -> Self {
        use crate::{engine::Error as E, store::Error as S};
        let unavailable = |what: &str, why: String| Self::Unavailable {
            what: what.to_owned(),
            why,
            retry_after_ms: RETRY_AFTER_MS,
        };
        match error {
            Error::Refused(error) => error,
            Error::Sealed { .. } => Self::Conflict { why: error.to_string() },
            Error::Store(S::Stale(_) | S::Fenced | S::Illegal(_) | S::OtherRequest) => {
                Self::Conflict { why: error.to_string() }
            }
            Error::Store(S::Database(_) | S::Closed | S::Open { .. }) => {
                unavailable("database", error.to_string())
            }
            Error::Engine(E::EngineAway { .. }) => unavailable("engine", error.to_string()),
            Error::Store(S::Missing(_) | S::Corrupt { .. })
            | Error::Engine(E::ImageMissing { .. } | E::PortRefused { .. } | E::Refused { .. }) => {
                let reference = uuid::Uuid::now_v7().to_string();
                tracing::error!(reference, %error, "a call failed");
                Self::Internal { reference }
            }
        }
    }
}

/// How to reach the driver of a run.
#[derive(Clone, Default)]
pub(crate) struct Driven {
    /// Tells it to stop the run.
    pub(crate) cancel: CancellationToken,
    /// Tells it that a gate was answered, a message was sent or a budget was changed.
    pub(crate) inbox: Arc<Notify>,
    /// Tells it that what its container may reach was changed.
    pub(crate) egress: Arc<Notify>,
    /// What it masks.
    pub(crate) mask: Arc<Sender<Option<Arc<Mask>>>>,
}

/// Everything a verb may use. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What Caisson remembers.
    pub store: Store,
    /// The container engine.
    pub engine: engine::Shared,
    /// The way out for model calls and git.
    pub broker: Broker,
    /// The settings.
    pub config: Arc<Config>,
    /// What tokens are derived from.
    pub keys: Arc<Keys>,
    /// Where what callers do is noted.
    pub audit: Audit,
    /// What secrets are sealed with.
    pub secrets: KeyRing,
    /// The owner of all background tasks.
    pub tasks: Tasks,
    /// Who this backend is, to the leases of its runs.
    pub owner: uuid::Uuid,
    /// Wakes the dispatcher: the queue or a place has changed.
    pub queue_changed: Arc<Notify>,
    /// How the background jobs went.
    pub(crate) jobs: Arc<jobs::Record>,
    /// How much room logs have.
    pub(crate) room: Arc<LogRoom>,
    /// The runs that are driven by this process, and how to reach each driver.
    drivers: Arc<Mutex<HashMap<RunId, Driven>>>,
    /// The runs and batches whose cancellation is not stored yet.
    cancelling: Arc<Mutex<HashSet<uuid::Uuid>>>,
}

impl App {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        store: Store,
        engine: engine::Shared,
        broker: Broker,
        config: Arc<Config>,
        keys: Arc<Keys>,
        tasks: Tasks,
        owner: uuid::Uuid,
    ) -> Self {
        let secrets = KeyRing::new(&config.storage.secrets_keys, Key::new(keys.secrets_key()));
        let audit = Audit::new(store.clone(), &tasks);
        let room = Arc::new(LogRoom::new(&config));
        Self {
            audit,
            secrets,
            store,
            engine,
            broker,
            config,
            keys,
            tasks,
            owner,
            queue_changed: Arc::default(),
            jobs: Arc::default(),
            room,
            drivers: Arc::default(),
            cancelling: Arc::default(),
        }
    }

    /// Works to the end, also when the caller goes away in the middle.
    ///
    /// # Errors
    /// `Unavailable` when the process stops first.
    async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.tasks.spawn("verb", |_| async move {
            // Nobody may be waiting any more.
            let _ = reply.send(work.await);
        });
        answer.await.map_err(|_| ApiError::Unavailable {
            what: "server".to_owned(),
            why: "it is stopping".to_owned(),
            retry_after_ms: RETRY_AFTER_MS,
        })
    }

    /// The runs that are driven here. A panic while it is locked leaves the map whole.
    pub(crate) fn drivers(&self) -> MutexGuard<'_, HashMap<RunId, Driven>> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancelling(&self) -> MutexGuard<'_, HashSet<uuid::Uuid>> {
        self.cancelling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many items a page has when the caller does not say.
const PAGE: u32 = 50;
/// How many items a page may have.
const MAX_PAGE: u32 = 500;

fn page_size(limit: Option<u32>) -> Result<u32, Error> {
    match limit {
        None => Ok(PAGE),
        Some(limit @ 1..=MAX_PAGE) => Ok(limit),
        Some(limit) => {
            Err(ApiError::invalid("limit", format!("{limit} is not between 1 and {MAX_PAGE}")).into())
        }
    }
}

/// The cursor of a list that is read newest first: the id of the last item that was seen.
fn before(cursor: Option<&str>) -> Result<Option<uuid::Uuid>, Error> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| ApiError::invalid("cursor", "not a cursor: pass `next` of the page before").into())
    };
    cursor.map(parse).transpose()
}

fn not_found(what: &str, id: impl std::fmt::Display) -> Error {
    ApiError::NotFound { what: what.to_owned(), id: id.to_string() }.into()
}
