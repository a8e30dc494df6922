//! The writer: the one task through which everything that happens to a run reaches the database.
//!
//! It takes whatever writes have gathered, of all runs, and commits them in one transaction. Each write is
//! whole: its state change, its fields, its events and the executor's cursor, or nothing of it.

mod change;
mod group;
mod head;
mod queue;
mod sql;

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio_util::sync::CancellationToken;

use super::{Error, Written, bells::Bells, entity::run_event};
use change::Change;
use head::Heads;
pub(super) use queue::Queue;
use queue::{Job, Jobs};

pub(super) struct Writer {
    database: DatabaseConnection,
    bells: Arc<Bells>,
    jobs: Jobs,
}

/// What became of each write of a group, and the rows to tell followers about.
struct Applied<'a> {
    results: Vec<Result<Written, Error>>,
    rows: Vec<run_event::Row<'a>>,
}

impl Writer {
    /// A writer, and the queue that leads to it.
    pub(super) fn new(database: DatabaseConnection, bells: Arc<Bells>) -> (Self, Queue) {
        let (queue, jobs) = queue::queue();
        (Self { database, bells, jobs }, queue)
    }

    /// Writes until it is asked to stop and nothing waits any more.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut last = 0;
        loop {
            let group = group::gather(&mut self.jobs, last, &stop).await;
            if group.is_empty() {
                return;
            }
            last = group.len();
            self.commit(group).await;
        }
    }

    async fn commit(&self, group: Vec<Job>) {
        let (changes, replies): (Vec<_>, Vec<_>) =
            group.into_iter().map(|job| (job.change, (job.reply, job.weight))).unzip();
        let results = match self.try_commit(&changes).await {
            Ok(results) => results,
            // Before the commit nothing has happened, so each may be tried alone: what is wrong with one of
            // them, or has met another backend's, is not the others' fault.
            Err(Failed::Before(error)) if 1 < changes.len() => {
                tracing::warn!(writes = changes.len(), %error, "a group of writes failed, each is tried alone");
                let mut results = Vec::with_capacity(changes.len());
                for change in &changes {
                    let alone = self.try_commit(std::slice::from_ref(change)).await;
                    results.push(alone.map_or_else(|error| Err(error.into()), |mut alone| alone.remove(0)));
                }
                results
            }
            Err(error) => {
                let why = Error::from(error).to_string();
                tracing::warn!(writes = changes.len(), %why, "a group of writes could not be committed");
                changes.iter().map(|_| Err(Error::Database(DbErr::Custom(why.clone())))).collect()
            }
        };
        for ((reply, _weight), result) in replies.into_iter().zip(results) {
            // Whoever asked may be gone by now; the write stands.
            let _ = reply.send(result);
        }
    }

    /// All writes of a group in one transaction. One that is refused leaves the others alone.
    async fn try_commit(&self, changes: &[Change]) -> Result<Vec<Result<Written, Error>>, Failed> {
        let transaction = self.database.begin().await.map_err(|error| Failed::Before(error.into()))?;
        let Applied { results, rows } = apply(&transaction, changes).await.map_err(Failed::Before)?;
        transaction.commit().await.map_err(Failed::Commit)?;
        self.bells.publish(&rows);
        for (change, result) in changes.iter().zip(&results) {
            if result.is_ok() && change.is_visible() {
                self.bells.ring_change(change.run);
            }
        }
        Ok(results)
    }
}

async fn apply<'a>(transaction: &DatabaseTransaction, changes: &'a [Change]) -> Result<Applied<'a>, Error> {
    let mut heads = Heads::new(sql::heads(transaction, changes.iter().map(|change| change.run.0)).await?);
    let mut rows = Vec::new();
    let results = changes.iter().map(|change| heads.apply(change, &mut rows)).collect();
    let (progress, rest) = heads.changed();
    sql::write(transaction, &rows, &progress).await?;
    sql::set_rest(transaction, rest).await?;
    Ok(Applied { results, rows })
}

/// When a group failed: it decides whether its writes may be tried again.
enum Failed {
    /// Nothing of it is in the database.
    Before(Error),
    /// Perhaps all of it is.
    Commit(DbErr),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Before(error) => error,
            Failed::Commit(error) => Self::Database(error),
        }
    }
}
