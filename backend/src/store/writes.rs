//! The one way to write: every statement and every transaction that changes something goes through here.
//!
//! `Ok` means that it is committed. What became of each write is noted, so that `/ready` and `doctor` know
//! whether the database can be written.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement, TransactionTrait, prelude::async_trait::async_trait,
};

use super::health::Health;

/// The pool of connections that write. Cheap to clone.
#[derive(Clone)]
pub(super) struct Writes {
    database: DatabaseConnection,
    pub(super) health: Arc<Health>,
}

impl Writes {
    /// Writes through this pool.
    pub(super) fn new(database: DatabaseConnection) -> Self {
        Self { database, health: Arc::default() }
    }

    /// Begins a transaction. One that is dropped is rolled back.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn begin(&self) -> Result<Transaction, DbErr> {
        let inner = self.health.heed(self.database.begin().await)?;
        Ok(Transaction { inner, health: Arc::clone(&self.health), failed: AtomicBool::new(false) })
    }

    /// A statement outside of a transaction is committed when it succeeds.
    fn done(&self, result: Result<ExecResult, DbErr>) -> Result<ExecResult, DbErr> {
        let done = self.health.heed(result)?;
        // One that changes nothing proves nothing.
        if done.rows_affected() != 0 {
            self.health.committed();
        }
        Ok(done)
    }
}

#[async_trait]
impl ConnectionTrait for Writes {
    fn get_database_backend(&self) -> DbBackend {
        self.database.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.done(self.database.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.done(self.database.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.health.heed(self.database.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.health.heed(self.database.query_all_raw(statement).await)
    }
}

/// A transaction that takes no further statement, and no commit, after one of its statements has failed.
///
/// The database may have rolled it back by then: on `SQLite` the next statement would be committed alone, and
/// PostgreSQL answers such a COMMIT with a rollback that the driver takes for success.
pub(super) struct Transaction {
    inner: DatabaseTransaction,
    health: Arc<Health>,
    failed: AtomicBool,
}

impl Transaction {
    /// Commits. After an error it is not known whether it was committed.
    ///
    /// # Errors
    /// When a statement has failed before, or the database does not confirm the commit.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        self.check()?;
        let Self { inner, health, .. } = self;
        health.heed(inner.commit().await)?;
        health.committed();
        Ok(())
    }

    fn check(&self) -> Result<(), DbErr> {
        match self.failed.load(Ordering::Relaxed) {
            true => Err(DbErr::Custom("an earlier statement of this transaction has failed".to_owned())),
            false => Ok(()),
        }
    }

    fn heed<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        self.health.heed(result)
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.check()?;
        self.heed(self.inner.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.check()?;
        self.heed(self.inner.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.check()?;
        self.heed(self.inner.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.check()?;
        self.heed(self.inner.query_all_raw(statement).await)
    }
}
