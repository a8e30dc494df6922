//! Cancelling works also while the database cannot be written: a run, and those of a batch, stop after at most 5 s. The
//! call succeeds only when the cancellation is stored; otherwise it returns an error that
//! says so, and the cancellation is stored as soon as possible.

use std::time::Duration;

use api::{
    batch::Batch,
    error::ApiError,
    id::{BatchId, RunId},
    run::{Reason, Run, RunState, Transition},
};
use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use super::{App, Error, RETRY_AFTER_MS, batches::AT_ONCE, not_found, verbs::Verb};
use crate::caller::Caller;
use crate::store::{Error as StoreError, RunWrite};

/// Why a batch that was cancelled begins no further run.
const CANCELLED: &str = "It was cancelled.";
/// How long it may take to store that a run or a batch is cancelled.
const FIRST: Duration = Duration::from_secs(5);
/// How long it may take then to store that all runs of the batch are.
const BATCH: Duration = Duration::from_secs(60);
/// Between two tries to store it later.
const PAUSE: Duration = Duration::from_secs(1);

impl App {
    /// Tells a run to stop. One that is over stays as it is.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when it stops but this could not be stored yet.
    pub async fn run_cancel(&self, caller: &Caller, id: RunId) -> Result<Run, Error> {
        let work = move |app: Self| async move { app.cancel_run(id).await };
        self.change(caller, Verb::RunsCancel, id.0, work).await
    }

    pub(super) async fn cancel_run(&self, id: RunId) -> Result<Run, Error> {
        let stored = within(FIRST, self.store_run_cancel(id)).await;
        self.stop_driver(id);
        match stored {
            Some(result) => result.and(self.run(id).await),
            None => Err(self.later(id.0, move |app| async move {
                app.store_run_cancel(id).await?;
                app.stop_driver(id);
                Ok(())
            })),
        }
    }

    /// Cancels every run of a batch that is not over, and begins no further one.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable` when its runs stop but this could not be stored yet.
    pub async fn batch_cancel(&self, caller: &Caller, id: BatchId) -> Result<Batch, Error> {
        let work = move |app: Self| async move { app.cancel_batch(id).await };
        self.change(caller, Verb::BatchesCancel, id.0, work).await
    }

    async fn cancel_batch(&self, id: BatchId) -> Result<Batch, Error> {
        let stored = match within(FIRST, self.store_batch_stop(id)).await {
            Some(Ok(true)) => within(BATCH, self.store_batch_runs(id)).await,
            stored => stored.map(|stopped| stopped.map(drop)),
        };
        match stored {
            Some(result) => result.and(self.batch(id).await),
            None => {
                for (run, _) in self.store.batch_list_active(id).await? {
                    self.stop_driver(run);
                }
                Err(self.later(id.0, move |app| async move { app.store_batch_cancel(id).await }))
            }
        }
    }

    async fn store_run_cancel(&self, id: RunId) -> Result<(), Error> {
        // No more of it is read than is needed: what it holds must not keep it from being stopped.
        let (state, _) = self.store.run_state(id).await?.ok_or_else(|| not_found("run", id))?;
        if state == RunState::Ended {
            return Ok(());
        }
        self.store.run_request_cancel(id).await?;
        if state == RunState::Queued {
            let mut end = RunWrite::of(id).end(Reason::CancelledByUser, "It was cancelled before it began.");
            end.only_in = Some(RunState::Queued);
            match self.store.run_write(end).await {
                // It was claimed in this very moment: then it has a driver that can be told.
                Err(StoreError::Stale(_)) => {}
                result => return result.map(drop).map_err(Error::from),
            }
        }
        match self.store.run_write(RunWrite::of(id).transition(Transition::Stop)).await {
            // It ended in this very moment.
            Ok(_) | Err(StoreError::Illegal(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn store_batch_cancel(&self, id: BatchId) -> Result<(), Error> {
        if self.store_batch_stop(id).await? {
            self.store_batch_runs(id).await?;
        }
        Ok(())
    }

    /// Stores that a batch begins no further run. Returns whether it was active.
    async fn store_batch_stop(&self, id: BatchId) -> Result<bool, Error> {
        let active = self.batch(id).await?.active;
        if active {
            // Written down first: what is left of this after a crash is done by the dispatcher and the drivers.
            self.store.batch_stop(id, CANCELLED, true).await?;
        }
        Ok(active)
    }

    /// Stores that every run of a batch is cancelled, and stops them.
    async fn store_batch_runs(&self, id: BatchId) -> Result<(), Error> {
        let active = self.store.batch_list_active(id).await?;
        let (queued, live): (Vec<_>, Vec<_>) =
            active.into_iter().partition(|(_, state)| *state == RunState::Queued);
        let queued = queued.into_iter().map(|(run, _)| run).collect();
        let claimed = self.batch_end_queued(queued, "The batch was cancelled before this run began.").await?;
        let live = live.into_iter().map(|(run, _)| run).chain(claimed);
        stream::iter(live)
            .map(async |run| {
                self.store_run_cancel(run).await?;
                self.stop_driver(run);
                Ok(())
            })
            .buffer_unordered(AT_ONCE)
            .try_for_each(|()| futures::future::ok(()))
            .await
    }

    /// Tells the driver of a run to stop it, if it is here.
    fn stop_driver(&self, id: RunId) {
        if let Some(driver) = self.drivers().get(&id) {
            driver.cancel.cancel();
        }
    }

    /// Stores a cancellation as soon as the database takes it, and returns the error for the caller until then.
    fn later<F>(&self, id: Uuid, store: impl Fn(Self) -> F + Send + 'static) -> Error
    where
        F: Future<Output = Result<(), Error>> + Send,
    {
        if self.cancelling().insert(id) {
            let app = self.clone();
            self.tasks.spawn("cancel", move |stop| async move {
                while within(BATCH, store(app.clone())).await.is_none() {
                    if tokio::time::timeout(PAUSE, stop.cancelled()).await.is_ok() {
                        break;
                    }
                }
                app.cancelling().remove(&id);
            });
        }
        let why =
            "the work is being stopped, but the database cannot be written, so the cancellation is not \
                   stored yet; it is stored as soon as possible unless the server ends before"
                .to_owned();
        ApiError::Unavailable { what: "database".to_owned(), why, retry_after_ms: RETRY_AFTER_MS }.into()
    }
}

/// What came of storing it; `None` while the database does not take it.
async fn within<T>(
    time: Duration,
    stored: impl Future<Output = Result<T, Error>>,
) -> Option<Result<T, Error>> {
    match tokio::time::timeout(time, stored).await {
        Ok(Err(Error::Store(StoreError::Database(_) | StoreError::Closed))) | Err(_) => None,
        Ok(result) => Some(result),
    }
}
