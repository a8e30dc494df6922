//! Connections to the database: how they are opened, and which of them may be used again.
//!
//! A connection that stays inside a transaction is poison: every later statement on it succeeds, and none is
//! ever committed. Both drivers can leave one behind:
//!
//! - `SQLite` rolls a transaction back by itself when a statement or COMMIT fails for a full disk. sqlx does not
//!   notice: its ROLLBACK fails because there is no transaction, and it goes on counting one. So it begins the
//!   next transaction with SAVEPOINT, which opens one. When that fails, ROLLBACK TO leaves it open, for ever.
//! - On PostgreSQL, a BEGIN whose caller goes away before the answer is carried out and not counted.
//!
//! So a connection returns to the pool only when it is proven to be outside of any transaction. Otherwise it is
//! closed, which rolls back, and the pool opens a new one.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr,
    sqlx::{self, Connection, Executor, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions},
};

/// Closes the file of a database to other users: prompts, code and output lie in it. What lies beside it gets its
/// rights from it.
///
/// # Errors
/// When it is open to others and cannot be closed.
pub(super) fn close_to_others(url: &str) -> io::Result<()> {
    let Some(file) = file_of(url) else { return Ok(()) };
    if may_create(url) {
        // Why this fails is reported when the database is opened.
        let _ = OpenOptions::new().append(true).create(true).mode(0o600).open(&file);
    }
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut path = file.as_os_str().to_owned();
        path.push(end);
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// The file of an embedded database; none for one on a server or in memory.
pub(super) fn file_of(url: &str) -> Option<PathBuf> {
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let options =
        SqliteConnectOptions::from_str(url).ok().filter(|_| url.starts_with("sqlite") && !in_memory)?;
    Some(options.get_filename().to_owned())
}

/// Whether a missing file is created: unless the address names another mode, as for the default database.
fn may_create(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mode = query.split('&').find_map(|pair| pair.strip_prefix("mode="));
    file_of(url).is_some() && matches!(mode, None | Some("rwc"))
}

/// Opens a pool of so many connections.
pub(super) async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let may_create = may_create(url);
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .connect_timeout(Duration::from_secs(10))
        .acquire_timeout(Duration::from_secs(30))
        // A connection to a server may have been cut; one to a file cannot.
        .test_before_acquire(!url.starts_with("sqlite"))
        .sqlx_logging(false);
    options.map_sqlx_sqlite_opts(move |sqlite| {
        // NORMAL may lose the last commits in a power cut, never consistency. That is safe for events only
        // because the executor's spool replays what was not acknowledged.
        // Appending for many runs touches the same pages of the index again and again: a log of 32 MiB is
        // copied back to the database once for many commits, not every few.
        // Sorting in files would fail on a full disk.
        sqlite
            .create_if_missing(may_create)
            .pragma("synchronous", "NORMAL")
            .pragma("busy_timeout", "5000")
            .pragma("foreign_keys", "ON")
            .pragma("wal_autocheckpoint", "8000")
            .pragma("temp_store", "MEMORY")
    });
    options.map_sqlx_sqlite_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(sqlite_is_outside(connection)))
    });
    options.map_sqlx_postgres_pool_opts(|pool| {
        pool.after_release(|connection, _| Box::pin(postgres_is_outside(connection)))
    });
    Database::connect(options).await
}

/// Whether this connection is outside of any transaction.
async fn sqlite_is_outside(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A ROLLBACK may be on its way. Commands are carried out in order: it is done before this one.
        connection.ping().await?;
    }
    let outside = !connection.is_in_transaction();
    if !outside {
        tracing::warn!("a connection stayed inside a transaction that failed, it is closed");
    }
    Ok(outside)
}

/// Whether this connection is outside of any transaction: there, each statement is a transaction of its own,
/// which begins with it. An error, as in a transaction that has failed, closes the connection as well.
async fn postgres_is_outside(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    // As a simple query: the messages of a prepared one have different times.
    let row = connection.fetch_one(sqlx::raw_sql("SELECT now() = statement_timestamp()")).await?;
    row.try_get(0)
}
