//! The way out: work is saved, the container goes, the run ends, once.

use std::time::Duration;

use api::{
    executor::ExecutionLine,
    instance::InstanceState,
    run::{Outcome, Reason},
};
use futures::StreamExt;

use super::{Driver, End, Halt, boot::Booted};
use crate::agent::Agent;

/// How long the agent's processes may take to end, and its last lines to arrive.
const LAST_LINES: Duration = Duration::from_secs(7);
/// How long saving the work may take when a person waits for the run to stop.
const RESCUE_CANCELLED: Duration = Duration::from_secs(5);
/// How long it may take otherwise.
const RESCUE: Duration = Duration::from_secs(60);

impl Driver {
    /// Ends the run. Its container is gone when this returns, or is removed by the reconciler.
    pub(super) async fn finish(&mut self, booted: Option<Booted>, end: End) {
        if let Some(booted) = booted {
            if end.reason.outcome() != Outcome::Succeeded && end.reason != Reason::InstanceLost {
                self.rescue(&booted.agent, &end).await;
            }
            self.remove(booted).await;
        }
        let id = self.record.run.id;
        tracing::info!(run.id = %id, reason = ?end.reason, detail = end.detail, "a run ended");
        let write = self.change().end(end.reason, end.detail);
        // Leaving here means that the process stops: the next one finds the container gone and ends the run.
        let _ = self.write(write).await;
    }

    /// Stops the agent, takes its last lines, and pushes what it has done.
    async fn rescue(&mut self, agent: &Agent, end: &End) {
        if let Some(execution) = self.record.execution.clone() {
            let last_lines = async {
                agent.cancel(&execution).await.ok()?;
                let lines = agent.events(&execution, self.record.execution_n).await.ok()?;
                let lines: Vec<ExecutionLine> = lines.filter_map(|line| async { line.ok() }).collect().await;
                Some(lines)
            };
            let lines = tokio::time::timeout(LAST_LINES, last_lines).await.ok().flatten().unwrap_or_default();
            let kept: Vec<_> =
                lines.into_iter().filter(|line| !matches!(line, ExecutionLine::End { .. })).collect();
            if let Some(last) = kept.iter().filter_map(ExecutionLine::n).next_back() {
                let _ = self.store_lines(&execution, kept, last).await;
            }
        }
        let (time, stall) = match end.reason {
            Reason::CancelledByUser => (RESCUE_CANCELLED, RESCUE_CANCELLED.as_secs()),
            _ => (RESCUE, RESCUE.as_secs()),
        };
        let saved = async {
            if self.record.run.base_commit.is_none() {
                return Ok(());
            }
            let words = end.reason.words();
            self.commit(agent, &format!("Unfinished work: the run ended with {words}")).await?;
            self.push(agent, stall).await
        };
        let failed = match tokio::time::timeout(time, saved).await {
            Ok(Ok(()) | Err(Halt::Leave)) => return,
            Ok(Err(Halt::End(end))) => end.detail,
            Err(_) => format!("it took longer than {} s", time.as_secs()),
        };
        let _ = self.notice("rescue", format!("The unfinished work could not be saved: {failed}")).await;
    }

    async fn remove(&self, booted: Booted) {
        let Booted { instance, container_id, link, .. } = booted;
        // Nothing is asked any more; what breaks from here on is not worth a try.
        drop(link);
        let state = match self.app.containers.remove(&container_id).await {
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
