//! Rescue: on every way out commits reach the run's branch, and what is not committed is kept as a patch.

use std::{borrow::Cow, time::Duration};

use api::{
    executor::{Diff, ExecutionLine},
    run::{Artifact, Reason, RunDiff},
};
use futures::StreamExt;

use super::{Driver, End, Halt, boot::Booted};
use crate::{
    agent::{Agent, Error},
    app::talk::{CHANGED_FILES, CHANGES, MAX_PATCH, decode},
    store::RunPatch,
};

/// What the agent had not committed.
const UNCOMMITTED: &str = "uncommitted.patch";
/// How long the agent's processes may take to end, and its last lines to arrive.
const LAST_LINES: Duration = Duration::from_secs(7);
/// How long a patch may take to make.
const PATCH: Duration = Duration::from_secs(60);
/// How long pushing may take when a person waits for the run to stop.
const PUSH_CANCELLED: Duration = Duration::from_secs(5);
/// How long it may take otherwise.
const PUSH: Duration = Duration::from_secs(60);

impl Driver {
    /// A container that died is started once more, only to save what is in it.
    pub(super) async fn revived(&mut self, booted: Booted) -> Result<Booted, Halt> {
        match self.revive(&booted).await {
            Some(agent) => {
                self.notice("rescue", "The container is started once more, to save the work in it.").await?;
                Ok(self.booted(booted.instance, booted.container_id, agent))
            }
            None => Ok(booted),
        }
    }

    /// Stops the agent, takes its last lines, pushes what it has committed and keeps the rest.
    pub(super) async fn rescue(&mut self, agent: &Agent, end: &End) -> Result<(), Halt> {
        self.last_lines(agent).await?;
        if self.record.run.base_commit.is_none() {
            return Ok(());
        }
        // Before the push: that may fail for reasons that have nothing to do with the work.
        self.keep_changes(agent).await?;
        self.keep_uncommitted(agent).await?;
        let time = if end.reason == Reason::CancelledByUser { PUSH_CANCELLED } else { PUSH };
        let failed = match tokio::time::timeout(time, self.push(agent, time.as_secs())).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Halt::Leave)) => return Err(Halt::Leave),
            Ok(Err(Halt::End(end))) => end.detail,
            Err(_) => format!("it took longer than {} s", time.as_secs()),
        };
        let text = format!("The run's commits could not be pushed ({failed}); the patch {CHANGES} has them.");
        self.notice("rescue", text).await
    }

    async fn last_lines(&mut self, agent: &Agent) -> Result<(), Halt> {
        let Some(execution) = self.record.execution.clone() else { return Ok(()) };
        let last_lines = async {
            agent.cancel(&execution).await.ok()?;
            let lines = agent.events(&execution, self.record.execution_n).await.ok()?;
            let lines: Vec<ExecutionLine> = lines.filter_map(|line| async { line.ok() }).collect().await;
            Some(lines)
        };
        let lines = tokio::time::timeout(LAST_LINES, last_lines).await.ok().flatten().unwrap_or_default();
        let kept: Vec<_> =
            lines.into_iter().filter(|line| !matches!(line, ExecutionLine::End { .. })).collect();
        match kept.iter().filter_map(ExecutionLine::n).next_back() {
            Some(last) => self.store_lines(&execution, kept, last).await,
            None => Ok(()),
        }
    }

    /// Keeps everything since the base commit, for `runs.diff` after the container is gone.
    pub(super) async fn keep_changes(&mut self, agent: &Agent) -> Result<(), Halt> {
        let Some(base_commit) = self.record.run.base_commit.clone() else { return Ok(()) };
        let Some((diff, patch)) = self.diff(agent, Some(base_commit)).await? else { return Ok(()) };
        let files = serde_json::to_string(&diff).unwrap_or_default();
        let files = self.mask.json(&files).into_owned().into_bytes();
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        self.patiently(|| store.artifact_put(run, CHANGED_FILES, files.clone())).await?;
        self.keep(CHANGES, patch).await
    }

    async fn keep_uncommitted(&mut self, agent: &Agent) -> Result<(), Halt> {
        match self.diff(agent, None).await? {
            Some((_, patch)) => self.keep(UNCOMMITTED, patch).await,
            None => Ok(()),
        }
    }

    async fn keep(&mut self, name: &str, content: Vec<u8>) -> Result<(), Halt> {
        if content.is_empty() {
            return Ok(());
        }
        let content = match self.mask.bytes(&content) {
            Cow::Owned(masked) => masked,
            Cow::Borrowed(_) => content,
        };
        let artifact = Artifact { name: name.to_owned(), bytes: content.len() as u64, what: String::new() };
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        self.patiently(|| store.artifact_put(run, name, content.clone())).await?;
        let mut artifacts = self.record.run.artifacts.clone();
        artifacts.retain(|known| known.name != name);
        artifacts.push(artifact);
        let write = self.change().patch(RunPatch { artifacts: Some(artifacts), ..RunPatch::default() });
        self.write(write).await
    }

    /// What has changed, and the patch's bytes. `None`, with a notice, when it cannot be had.
    async fn diff(
        &mut self,
        agent: &Agent,
        base_commit: Option<String>,
    ) -> Result<Option<(RunDiff, Vec<u8>)>, Halt> {
        let ask = Diff { base_commit: base_commit.clone(), max_bytes: MAX_PATCH };
        let why = match tokio::time::timeout(PATCH, agent.diff(&ask)).await {
            Ok(Ok(diff)) => {
                let patch = decode(&diff.patch);
                let (files, left_out) = (diff.files, diff.left_out);
                return Ok(Some((RunDiff { base_commit, files, patch: String::new(), left_out }, patch)));
            }
            // The container is gone, and the notice about that is the run's end.
            Ok(Err(Error::Unreachable(_))) => return Ok(None),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {} s", PATCH.as_secs()),
        };
        self.notice("rescue", format!("The changes could not be kept as a patch: {why}")).await?;
        Ok(None)
    }
}
