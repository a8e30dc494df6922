//! The store: what Caisson remembers. sea-orm is named nowhere else.
//!
//! Reads go through a pool. Writes go through a second one, of a single connection on `SQLite`, which has
//! one writer anyway: so nobody ever meets "database is locked". Everything that happens to a run is written
//! by the `writer`, which commits the writes of all runs in groups.

mod artifacts;
mod batches;
mod bells;
mod credentials;
mod entity;
mod events;
mod figures;
mod gates;
mod instances;
mod leases;
mod messages;
mod queue;
mod record;
mod retention;
mod runs;
mod tasks;
mod writer;

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use tokio::sync::mpsc;

pub use batches::{NewBatch, Spending};
pub use bells::Partial;
pub use figures::Figures;
pub use gates::GateRecord;
pub use messages::Message;
pub use queue::{BatchLimits, QueueRow};
pub use record::{Delivered, NewEvent, RunEnd, RunPatch, RunRecord, RunWrite, Written};
pub use runs::RunFilter;

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

/// The database and the bells that ring when it changes. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    read: DatabaseConnection,
    write: DatabaseConnection,
    bells: Arc<bells::Bells>,
    writer: mpsc::Sender<writer::Job>,
}

/// How many writes may wait for the writer before their senders wait too.
const WRITER_QUEUE: usize = 1024;

impl Store {
    /// Opens the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// `Open` when it cannot be reached or migrated, or is read-only.
    pub async fn open(url: &str, tasks: &Tasks) -> Result<Self, Error> {
        let shown = without_credentials(url);
        let cannot = |error: DbErr| Error::Open { url: shown.clone(), why: error.to_string() };
        let sqlite = url.starts_with("sqlite");
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
        let bells = Arc::new(bells::Bells::default());
        let (sender, jobs) = mpsc::channel(WRITER_QUEUE);
        let writer = writer::Writer::new(write.clone(), bells.clone(), jobs);
        tasks.spawn_service("store.writer", |stop| writer.run(stop));
        Ok(Self { read, write, bells, writer: sender })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Database` when it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.read.ping().await?)
    }
}

async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .connect_timeout(Duration::from_secs(10))
        .acquire_timeout(Duration::from_secs(30))
        .sqlx_logging(false);
    options.map_sqlx_sqlite_opts(|sqlite| {
        // NORMAL may lose the last commits in a power cut, never consistency. That is safe for events only
        // because the executor's spool replays what was not acknowledged.
        sqlite.pragma("synchronous", "NORMAL").pragma("busy_timeout", "5000").pragma("foreign_keys", "ON")
    });
    Database::connect(options).await
}

/// The URL as it may be shown.
fn without_credentials(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}
