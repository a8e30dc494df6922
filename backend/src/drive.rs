//! One driver per live run: the only writer of its life, from the claim to the end.
//!
//! A driver begins from the stored record, whatever that says: a new run, or one that an earlier process left
//! behind. Everything it asks of the executor may be asked twice, so adopting a container is the same code.

mod boot;
mod execution;
mod finish;
mod record;
mod steps;
mod verdict;

use std::time::Duration;

use api::{
    id::RunId,
    run::{Reason, RunState},
};
use tokio_util::sync::CancellationToken;

use crate::{app::App, store::RunRecord};

/// Why a run comes to its end, and what to tell people.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The reason.
    pub(crate) reason: Reason,
    /// What happened and what to do.
    pub(crate) detail: String,
}

impl End {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    fn cancelled() -> Self {
        Self::new(Reason::CancelledByUser, "It was cancelled.")
    }
}

/// Why the work on a run stopped.
enum Halt {
    /// The run is over.
    End(End),
    /// This process stops: the run goes on in its container and is adopted by the next one.
    Leave,
}

impl From<End> for Halt {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// One live run.
struct Driver {
    app: App,
    record: RunRecord,
    /// Set when someone tells the run to stop.
    cancel: CancellationToken,
    /// Set when this process stops.
    leave: CancellationToken,
}

/// Starts the driver of a run, unless it has one here. Answers whether it was started.
pub(crate) fn spawn(app: &App, id: RunId) -> bool {
    let cancel = CancellationToken::new();
    {
        let mut drivers = app.drivers();
        if drivers.contains_key(&id) {
            return false;
        }
        drivers.insert(id, cancel.clone());
    }
    let app = app.clone();
    app.tasks.clone().spawn("drive", move |leave| async move {
        drive(&app, id, cancel, leave).await;
        app.drivers().remove(&id);
        app.queue_bell.notify_one();
    });
    true
}

async fn drive(app: &App, id: RunId, cancel: CancellationToken, leave: CancellationToken) {
    let record = loop {
        match app.store.run_record(id).await {
            Ok(Some(record)) => break record,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(run.id = %id, %error, "a run cannot be read, trying again");
                if wait(&leave, Duration::from_secs(1)).await {
                    return;
                }
            }
        }
    };
    if record.run.state == RunState::Ended {
        return;
    }
    if record.cancel_requested {
        cancel.cancel();
    }
    let mut driver = Driver { app: app.clone(), record, cancel, leave };
    driver.live().await;
}

impl Driver {
    /// Boots, works and finishes; returns early only when the process stops.
    async fn live(&mut self) {
        let booted = match self.boot().await {
            Ok(booted) => booted,
            // Whatever went wrong with the container then: a person had stopped the run.
            Err(Halt::End(_)) if self.cancel.is_cancelled() => {
                return self.finish(None, End::cancelled()).await;
            }
            Err(Halt::End(end)) => return self.finish(None, end).await,
            Err(Halt::Leave) => return,
        };
        let outcome = {
            let lost = booted.lost(&self.app);
            let deadline = self.deadline();
            let (cancel, leave) = (self.cancel.clone(), self.leave.clone());
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Halt::End(End::cancelled())),
                () = leave.cancelled() => Err(Halt::Leave),
                end = lost => Err(Halt::End(end)),
                end = self.work(&booted.agent) => end,
                () = tokio::time::sleep(deadline) => Err(Halt::End(self.timeout())),
            }
        };
        match outcome {
            Ok(end) | Err(Halt::End(end)) => self.finish(Some(booted), end).await,
            Err(Halt::Leave) => booted.leave(),
        }
    }

    /// How long the run may still take.
    fn deadline(&self) -> Duration {
        let run = &self.record.run;
        let started = run.started_at.unwrap_or(run.created_at);
        let elapsed = api::Timestamp::now().duration_since(started).unsigned_abs();
        Duration::from_secs(run.task.timeout_seconds).saturating_sub(elapsed)
    }

    fn timeout(&self) -> End {
        let seconds = self.record.run.task.timeout_seconds;
        End::new(
            Reason::Timeout,
            format!("The run took longer than its {seconds} s; raise `timeoutSeconds` if it needs more."),
        )
    }
}

/// Waits, or answers `true` at once when the process stops.
async fn wait(leave: &CancellationToken, time: Duration) -> bool {
    tokio::time::timeout(time, leave.cancelled()).await.is_ok()
}
