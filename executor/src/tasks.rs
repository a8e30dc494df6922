//! Tasks: the only spawn and the only drain.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// Owns every background task.
#[derive(Clone)]
pub(crate) struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// Tasks that end when `stop` is asked for.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { stop, tracker: TaskTracker::new() }
    }

    /// Cancelled when the executor stops.
    pub(crate) const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs `body` in the background; it must end soon after the stop.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        body: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tracker.spawn(body.instrument(tracing::info_span!("task", task.name = name)))
    }

    /// Runs the server; after the stop it and all tasks have `grace` to end.
    pub(crate) async fn guard(
        self,
        server: impl Future<Output = std::io::Result<()>>,
        grace: Duration,
    ) -> std::io::Result<()> {
        tokio::pin!(server);
        tokio::select! {
            ended = &mut server => return ended,
            () = self.stop.cancelled() => {}
        }
        self.tracker.close();
        let drained = async {
            self.tracker.wait().await;
            // Only now: a reader gets the `End` of what was cancelled.
            server.await
        };
        tokio::time::timeout(grace, drained).await.unwrap_or_else(|_| {
            tracing::warn!("some tasks did not end in time");
            Ok(())
        })
    }
}
