//! The writer: the one task through which everything that happens to a run reaches the database.
//!
//! It takes whatever writes have gathered, of all runs, and commits them in one transaction. Each write is
//! whole: its state change, its fields, its events and the executor's cursor, or nothing of it.

mod change;
mod group;
mod head;
mod queue;
mod sql;

use std::{sync::Arc, time::Duration};

use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Delivered, Error, Written,
    entity::run_event,
    outbox, remote,
    wakeups::Wakeups,
    writes::{Transaction, Writes},
};
use change::Change;
use head::Heads;
use queue::Job;
pub(super) use queue::{Jobs, Queue, queue};

/// Between two questions to a database that does not answer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Writer {
    database: Writes,
    wakeups: Arc<Wakeups>,
    /// Who writes, to the other backends.
    origin: Uuid,
    jobs: Jobs,
    stop: CancellationToken,
}

/// What became of each write of a group, and the rows to tell followers about.
struct Applied<'a> {
    results: Vec<Result<Written, Error>>,
    rows: Vec<run_event::Row<'a>>,
}

impl Writer {
    /// A writer of what comes through this queue.
    pub(super) const fn new(
        database: Writes,
        wakeups: Arc<Wakeups>,
        origin: Uuid,
        jobs: Jobs,
        stop: CancellationToken,
    ) -> Self {
        Self { database, wakeups, origin, jobs, stop }
    }

    /// Writes until it is asked to stop and nothing waits any more.
    pub(super) async fn run(mut self) {
        let mut last = 0;
        loop {
            let group = group::gather(&mut self.jobs, last, &self.stop).await;
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
        let Applied { results, rows } =
            apply(&transaction, changes, self.origin).await.map_err(Failed::Before)?;
        if let Err(error) = transaction.commit().await {
            self.committed_after_all(&rows, error).await?;
        }
        self.wakeups.publish(&rows);
        for (change, result) in changes.iter().zip(&results) {
            if result.is_ok() && change.is_visible() {
                self.wakeups.notify_change(change.run);
            }
        }
        Ok(results)
    }
}

impl Writer {
    /// A commit whose answer was lost may have happened: nobody may be told that it failed, or the same
    /// would be written again. The newest row of the group tells, as soon as the database can be asked.
    async fn committed_after_all(&self, rows: &[run_event::Row<'_>], error: DbErr) -> Result<(), Failed> {
        // A group without rows only sets fields: to say that it failed is safe, they may be set twice.
        let Some(last) = rows.last() else { return Err(Failed::Before(error.into())) };
        tracing::warn!(%error, "whether a group was committed is not known, the database is asked");
        let mut pause = FIRST_PAUSE;
        loop {
            match self.holds(last).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Failed::Before(error.into())),
                Err(why) => tracing::warn!(error = %why, "the database does not answer, trying again"),
            }
            tokio::select! {
                // Nothing more can be known: whoever waits is told that it failed, and stops as well.
                () = self.stop.cancelled() => return Err(Failed::Commit(error)),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the log has this row, on another connection than the one whose commit failed.
    async fn holds(&self, row: &run_event::Row<'_>) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        // PostgreSQL may still be busy with that commit although its client is cut off: the lock waits for it.
        sql::heads(&transaction, std::iter::once(row.run.0)).await?;
        sql::holds(&transaction, row).await
    }
}

async fn apply<'a>(
    transaction: &Transaction,
    changes: &'a [Change],
    origin: Uuid,
) -> Result<Applied<'a>, Error> {
    let mut heads = Heads::new(sql::heads(transaction, changes.iter().map(|change| change.run.0)).await?);
    let mut rows = Vec::new();
    let results: Vec<_> = changes.iter().map(|change| heads.apply(change, &mut rows)).collect();
    let (progress, rest) = heads.changed();
    sql::write(transaction, &rows, &progress).await?;
    sql::set_rest(transaction, rest).await?;
    let states = rows.iter().filter(|row| row.body.kind == "state");
    let states = states.map(|row| outbox::Change { run: row.run, seq: row.seq, at: row.body.at });
    outbox::insert(transaction, &states.collect::<Vec<_>>()).await?;
    for (change, _) in changes.iter().zip(&results).filter(|(_, result)| result.is_ok()) {
        match change.delivered {
            Some(Delivered::Gate(id)) => super::gates::set_delivered(transaction, id).await?,
            Some(Delivered::Message(id)) => super::messages::set_delivered(transaction, id).await?,
            None => {}
        }
    }
    let touched = changes.iter().zip(&results).filter(|(_, result)| result.is_ok());
    remote::announce(transaction, origin, touched.map(|(change, _)| change.run)).await?;
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
