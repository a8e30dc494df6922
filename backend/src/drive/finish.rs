//! The way out: work is saved, the run ends, once, and its container goes.

use api::{instance::InstanceState, run::Reason};

use super::{Driver, End, Halt, boot::Booted, whereabouts};
use crate::{app, store};

impl Driver {
    /// Ends a run that has no container.
    pub(super) async fn finish_without(&mut self, end: End) {
        drop(self.write_end(end).await);
    }

    /// Ends the run: well, when all its steps are done. Its container goes after that; one that cannot go yet is removed by the reconciler.
    ///
    /// A process that stops in here leaves the run as it is: the next one adopts it and comes here again.
    pub(super) async fn finish(&mut self, booted: Booted, outcome: Result<(), End>) {
        if let Ok(booted) = self.save_and_end(booted, outcome).await {
            self.remove(booted).await;
        }
    }

    async fn save_and_end(&mut self, mut booted: Booted, outcome: Result<(), End>) -> Result<Booted, Halt> {
        let end = match outcome {
            Ok(()) => {
                self.keep_changes(&booted.agent).await?;
                self.keep_kept(&booted.agent).await?;
                whereabouts::done(&self.record.run, &self.record.work)
            }
            Err(mut end) => {
                if end.reason == Reason::InstanceLost || end.reason == Reason::OutOfMemory {
                    booted = self.revived(booted).await?;
                }
                self.rescue(&booted.agent, &end).await?;
                end.detail = whereabouts::stopped(&self.record.run, &self.record.work, &end.detail);
                end
            }
        };
        self.write_end(end).await?;
        Ok(booted)
    }

    async fn write_end(&mut self, mut end: End) -> Result<(), Halt> {
        self.complete().await?;
        // It is logged, too.
        self.mask.apply(&mut end.detail);
        self.withdraw(None).await?;
        self.tell_undelivered().await?;
        self.retry_by_itself(&end).await?;
        tracing::info!(run.id = %self.record.run.id, reason = ?end.reason, detail = end.detail, "a run ended");
        let write = self.change().end(end.reason, end.detail);
        self.write(write).await
    }

    /// What a person has said and no agent has heard.
    async fn tell_undelivered(&mut self) -> Result<(), Halt> {
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        for message in self.patiently(|| store.message_list_waiting(run)).await?.unwrap_or_default() {
            let text = format!("The run ended before the agent could hear this: {}", message.text);
            self.notice("message", text).await?;
        }
        Ok(())
    }

    /// A run that only its container or the engine has failed is queued again, a bounded number of times.
    async fn retry_by_itself(&mut self, end: &End) -> Result<(), Halt> {
        let infrastructure = matches!(end.reason, Reason::InstanceLost | Reason::EngineUnavailable);
        let retries = self.record.run.auto_retries;
        if !infrastructure
            || self.app.config.runs.auto_retries <= retries
            || self.driven.cancel.is_cancelled()
        {
            return Ok(());
        }
        let (app, run) = (self.app.clone(), self.record.run.clone());
        let again = self.patiently(async || match app.run_retry_by_itself(&run).await {
            Err(app::Error::Store(error @ (store::Error::Database(_) | store::Error::Closed))) => Err(error),
            decided => Ok(decided),
        });
        let Some(again) = again.await? else { return Ok(()) };
        let text = match again {
            Ok(next) => format!("Retried automatically as run {} (retry {}).", next.id, retries + 1),
            Err(error) => format!("It could not be retried automatically: {error}"),
        };
        self.notice("retry", text).await
    }

    async fn remove(&self, booted: Booted) {
        let Booted { instance, container_id, link, .. } = booted;
        // Nothing is asked any more; what breaks from here on is not worth a try.
        drop(link);
        let state = match self.app.engine.remove(&container_id).await {
            Ok(()) => InstanceState::Removed,
            Err(error) => {
                tracing::warn!(instance.id = %instance, %error, "a container could not be removed yet");
                InstanceState::Stopping
            }
        };
        if let Err(error) = self.app.store.instance_set_state(instance, state).await {
            tracing::warn!(instance.id = %instance, %error, "an instance's state could not be stored");
        }
    }
}
