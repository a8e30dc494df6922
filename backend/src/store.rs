//! The store: what Caisson remembers. sea-orm is named nowhere else.
//!
//! Reads go through a pool. Writes go through a second one, of a single connection on `SQLite`, which has
//! one writer anyway: so nobody ever meets "database is locked". Everything that happens to a run is written
//! by the `writer`, which commits the writes of all runs in groups.

mod artifacts;
mod audit;
mod batches;
mod connect;
mod credentials;
mod entity;
mod events;
mod figures;
mod gates;
mod health;
mod instances;
mod jobs;
mod keys;
mod large;
mod leases;
mod messages;
mod outbox;
mod queue;
mod record;
mod remote;
mod retention;
mod runs;
mod secrets;
mod tasks;
mod trouble;
mod wakeups;
mod work;
mod writer;
mod writes;

use std::sync::Arc;

use api::id::RunId;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use tokio::sync::{Semaphore, broadcast};
use uuid::Uuid;

pub(crate) use artifacts::HeldArtifact;
pub use audit::AuditFilter;
pub use batches::{Held, NewBatch};

pub use credentials::StoredToken;
pub use events::{EventPage, PageLimit, StoredEvent};
pub(crate) use events::{PIECE, ahead::Ahead};
pub use figures::Figures;
pub use gates::{GateRecord, GateText};
pub use keys::OnceKey;
pub use messages::Message;
pub use queue::{BatchLimits, QueueRow};
pub use record::{Bounded, Delivered, NewEvent, RunEnd, RunPatch, RunRecord, RunWrite, Written};
pub use runs::RunFilter;
pub use secrets::StoredSecret;
pub use trouble::Trouble;
pub use wakeups::Partial;
pub use work::{Work, denied_hosts};

use self::{
    connect::{close_to_others, connect},
    writes::Writes,
};
use crate::tasks::Tasks;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database does not answer or refuses.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// The schema could not be brought up to date.
    #[error("the database at {url} cannot be opened: {why}")]
    Open {
        /// Where, without credentials.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The row has changed since it was read.
    #[error("the {0} was changed by someone else in the meantime: read it again")]
    Stale(&'static str),
    /// The idempotency key was used for something else.
    #[error(
        "this `idempotencyKey` was used for another request: use a new key, or ask for exactly the same again"
    )]
    OtherRequest,
    /// Another backend owns the run now.
    #[error("another backend has taken this run over")]
    Fenced,
    /// The run's state does not allow this.
    #[error(transparent)]
    Illegal(#[from] api::run::Illegal),
    /// There is no such row.
    #[error("no such {0}")]
    Missing(&'static str),
    /// A stored document cannot be read.
    #[error("a stored {what} cannot be read: {why}")]
    Corrupt {
        /// Which kind of document.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// The database, and the wake-ups for those who wait for a change. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    read: DatabaseConnection,
    write: Writes,
    wakeups: Arc<wakeups::Wakeups>,
    /// This process, to the other backends on the same database.
    origin: Uuid,
    writer: writer::Queue,
    /// Long texts that readers have in memory.
    large: Arc<large::Large>,
    /// Permits to read pages ahead.
    ahead: Arc<Semaphore>,
}

impl Store {
    /// The file of the embedded database at this address; none for one on a server.
    pub(crate) fn file_of(url: &str) -> Option<std::path::PathBuf> {
        connect::file_of(url)
    }

    /// Opens the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// `Open` when it cannot be reached or migrated, or is read-only.
    pub async fn open(url: &str, tasks: &Tasks) -> Result<Self, Error> {
        let shown = without_credentials(url);
        let cannot = |error: DbErr| Error::Open { url: shown.clone(), why: error.to_string() };
        let sqlite = url.starts_with("sqlite");
        if sqlite {
            close_to_others(url).map_err(|error| Error::Open {
                url: shown.clone(),
                why: format!("other users can read it, and that cannot be changed ({error}): chmod 600 it"),
            })?;
        }
        let write = connect(url, if sqlite { 1 } else { 8 }).await.map_err(cannot)?;
        if sqlite {
            // Kept by the database file itself, so setting it once is enough.
            write.execute_unprepared("PRAGMA journal_mode = WAL").await.map_err(cannot)?;
        }
        <migrations::Migrator as migrations::MigratorTrait>::up(&write, None).await.map_err(cannot)?;
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let read = if in_memory { write.clone() } else { connect(url, 8).await.map_err(cannot)? };
        // A write that changes nothing: a database that is read-only is refused now, not at the first run.
        write.execute_unprepared("DELETE FROM sessions WHERE expires_at < 0").await.map_err(cannot)?;
        let write = Writes::new(write);
        let wakeups = Arc::new(wakeups::Wakeups::default());
        let origin = Uuid::now_v7();
        let (queue, jobs) = writer::queue();
        let (database, woken) = (write.clone(), wakeups.clone());
        tasks.spawn_service("store.writer", |stop| {
            writer::Writer::new(database, woken, origin, jobs, stop).run()
        });
        if !sqlite {
            let (url, woken) = (url.to_owned(), wakeups.clone());
            tasks.spawn_service("store.remote", |stop| remote::listen(url, origin, woken, stop));
        }
        let ahead = Arc::new(Semaphore::new(events::ahead::PAGES));
        Ok(Self { read, write, wakeups, origin, writer: queue, large: Arc::default(), ahead })
    }

    /// Runs that another backend has changed, or whose changes may have been missed; live only.
    #[must_use]
    pub fn remote_changes(&self) -> broadcast::Receiver<RunId> {
        self.wakeups.remote()
    }

    /// Tells the other backends to look at a run.
    ///
    /// # Errors
    /// `Database` when it cannot be said.
    pub async fn announce(&self, run: RunId) -> Result<(), Error> {
        remote::announce(&self.write, self.origin, std::iter::once(run)).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Database` when it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.read.ping().await?)
    }
}

/// The URL as it may be shown.
fn without_credentials(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}
