//! Rescue: on every way out commits reach the run's branch or are kept, and so is what is not committed.

use std::{borrow::Cow, time::Duration};

use api::{
    executor::{Commit, Diff, ExecutionLine},
    run::{Reason, RunDiff},
};
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{
    Driver, End, Halt,
    boot::Booted,
    lines,
    whereabouts::{self, UNCOMMITTED, but_for},
};
use crate::{
    agent::{Agent, Error},
    app::talk::{CHANGED_FILES, CHANGES, MAX_PATCH, decode},
    store::RunPatch,
};

/// How long the agent's processes may take to end, and its last lines to arrive.
const LAST_LINES: Duration = Duration::from_secs(7);
/// How long the executor may take to take out what is in the workspace.
const TAKING: Duration = Duration::from_secs(60);
/// How long one that does not answer may take to come back.
const READY: Duration = Duration::from_secs(5);
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

    /// Stops the agent, takes its last lines and its work out, pushes what is committed and keeps the rest.
    pub(super) async fn rescue(&mut self, agent: &Agent, end: &End) -> Result<(), Halt> {
        self.last_lines(agent).await?;
        if self.record.run.base_commit.is_none() {
            return Ok(());
        }
        // What is being pushed was taken out before.
        if !self.pushing && !self.take_the_rest(agent).await? {
            return Ok(());
        }
        // Before the push: that may fail for reasons that have nothing to do with the work.
        self.keep_changes(agent).await?;
        self.keep_uncommitted(agent).await?;
        let unpushed = self.push_the_rest(agent, end).await?;
        // Nobody who has cancelled waits for a push that stands still.
        if !self.pushing || end.reason != Reason::CancelledByUser {
            self.keep_kept(agent).await?;
        }
        match unpushed {
            Some(why) => {
                let text = whereabouts::unpushed(&self.record.run, &self.record.work, &why);
                self.notice("rescue", text).await
            }
            None => Ok(()),
        }
    }

    /// Has the executor take out what is in the workspace. Answers whether there is an executor.
    async fn take_the_rest(&mut self, agent: &Agent) -> Result<bool, Halt> {
        let body = Commit { message: "Unfinished work".to_owned(), rescue: true };
        let mut taken = tokio::time::timeout(TAKING, self.take_out(agent, &body)).await;
        // It may have been started again a moment ago.
        if matches!(taken, Ok(Err(Error::Unreachable(_)))) && agent.wait_ready(READY).await.is_ok() {
            taken = tokio::time::timeout(TAKING, self.take_out(agent, &body)).await;
        }
        let why = match taken {
            Ok(Ok(done)) => {
                self.took_out(done, &body.message).await?;
                return Ok(true);
            }
            Ok(Err(Error::Unreachable(_))) => {
                let text =
                    "The container does not answer any more, so what was not pushed could not be saved.";
                self.notice("rescue", text).await?;
                return Ok(false);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it took longer than {} s", TAKING.as_secs()),
        };
        self.notice("rescue", format!("The work could not be taken out of the workspace: {why}")).await?;
        Ok(true)
    }

    /// Pushes what was not pushed yet, once: a remote that has refused the branch is not asked again. Answers why it
    /// could not be pushed.
    async fn push_the_rest(&mut self, agent: &Agent, end: &End) -> Result<Option<String>, Halt> {
        if self.refused {
            return Ok(Some("the remote has refused the branch".to_owned()));
        }
        let time = if end.reason == Reason::CancelledByUser { PUSH_CANCELLED } else { PUSH };
        match tokio::time::timeout(time, self.push(agent, time.as_secs())).await {
            Ok(Ok(())) => Ok(None),
            Ok(Err(Halt::Leave)) => Err(Halt::Leave),
            Ok(Err(Halt::End(end))) => Ok(Some(end.detail)),
            Err(_) => Ok(Some(format!("it took longer than {} s", time.as_secs()))),
        }
    }

    /// What the agent has said until it was stopped, as far as there is room for it in the log.
    async fn last_lines(&mut self, agent: &Agent) -> Result<(), Halt> {
        // Stopped before anything is written: that takes as long as the database is away.
        if let Some(execution) = &self.record.execution {
            let _ = tokio::time::timeout(LAST_LINES, agent.cancel(execution)).await;
        }
        self.complete().await?;
        let Some(execution) = self.record.execution.clone() else { return Ok(()) };
        let until = Instant::now() + LAST_LINES;
        let opened = async {
            agent.cancel(&execution).await.ok()?;
            agent.events(&execution, self.record.execution_n).await.ok()
        };
        let Some(lines) = timeout_at(until, opened).await.ok().flatten() else { return Ok(()) };
        let mut batches = std::pin::pin!(lines::gathered(lines));
        while self.log_is_full().is_none() {
            let Some((batch, _place)) = timeout_at(until, batches.next()).await.ok().flatten() else { break };
            if !self.has_room(lines::bytes_of(&batch)) {
                break;
            }
            let is_kept = |line: &ExecutionLine| {
                !matches!(line, ExecutionLine::End { .. } | ExecutionLine::Partial { .. })
            };
            let kept: Vec<_> = batch.into_iter().filter_map(Result::ok).filter(is_kept).collect();
            if let Some(last) = kept.iter().filter_map(ExecutionLine::n).next_back() {
                self.store_lines(&execution, kept, last).await?;
            }
        }
        Ok(())
    }

    /// Keeps everything since the base commit, for `runs.diff` after the container is gone.
    pub(super) async fn keep_changes(&mut self, agent: &Agent) -> Result<(), Halt> {
        let Some(base_commit) = self.record.run.base_commit.clone() else { return Ok(()) };
        let Some((diff, patch)) = self.diff(agent, Some(base_commit)).await? else { return Ok(()) };
        let files = serde_json::to_string(&diff).unwrap_or_default();
        let files = self.mask.json(&files).into_owned().into_bytes();
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        self.patiently(|| store.artifact_put(run, CHANGED_FILES, files.clone())).await?;
        self.keep_patch(CHANGES, "Everything since the base commit", patch, diff.left_out).await
    }

    async fn keep_uncommitted(&mut self, agent: &Agent) -> Result<(), Halt> {
        match self.diff(agent, None).await? {
            Some((diff, patch)) => {
                let what = "What was not committed, on top of the newest commit";
                self.keep_patch(UNCOMMITTED, what, patch, diff.left_out).await
            }
            None => Ok(()),
        }
    }

    /// Keeps a patch, without the secrets in it, unless it is empty.
    async fn keep_patch(
        &mut self,
        name: &str,
        what: &str,
        patch: Vec<u8>,
        left_out: u64,
    ) -> Result<(), Halt> {
        if self.record.work.cut.get(name).copied().unwrap_or_default() != left_out {
            let mut work = self.record.work.clone();
            work.cut.insert(name.to_owned(), left_out);
            let write = self.change().patch(RunPatch { work: Some(work), ..RunPatch::default() });
            self.write(write).await?;
        }
        if patch.is_empty() {
            return Ok(());
        }
        let what = format!("{what}{}.", but_for(&self.record.work, name));
        let patch = match self.mask.bytes(&patch) {
            Cow::Owned(masked) => masked,
            Cow::Borrowed(_) => patch,
        };
        self.keep(name, what, patch).await
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
