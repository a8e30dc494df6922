//! Tasks: the only place that spawns, and the only one that waits for what was spawned.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// Owns every background task of the process.
#[derive(Clone, Default)]
pub struct Tasks {
    workers: Group,
    /// Stopped only when no worker is left.
    services: Group,
}

#[derive(Clone, Default)]
struct Group {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Group {
    fn spawn<F>(&self, name: &'static str, body: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Without a parent: a task outlives whatever began it.
        let span = tracing::info_span!(parent: None, "task", task.name = name);
        self.tracker.spawn(body(self.stop.child_token()).instrument(span));
    }

    async fn drain(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

impl Tasks {
    /// Runs `body` in the background. It gets a token that says when to stop.
    pub fn spawn<F>(&self, name: &'static str, body: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.workers.spawn(name, body);
    }

    /// Like `spawn`, for what the other tasks need until their own end: it is stopped after them.
    pub fn spawn_service<F>(&self, name: &'static str, body: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.services.spawn(name, body);
    }

    /// Resolves when the process is asked to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.workers.stop.clone()
    }

    /// Asks every task to stop, but for the services.
    pub fn stop(&self) {
        self.workers.stop.cancel();
    }

    /// Asks every task to stop and waits for them, then for the services. Returns whether all ended within
    /// `grace`, which each of the two has for itself.
    pub async fn drain(&self, grace: Duration) -> bool {
        let workers = self.workers.drain(grace).await;
        let services = self.services.drain(grace).await;
        workers && services
    }
}
