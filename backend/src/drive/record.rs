//! Writing down what happens: retried until the database takes it, because nothing a run said may be lost.

use std::time::Duration;

use api::{
    event::{EventBody, Notice, Progress},
    run::Transition,
};

use super::{Driver, Halt, masking, wait};
use crate::store::{Bounded, Error, RunPatch, RunWrite, Written};

/// The longest pause between two tries to write.
const MAX_PAUSE: Duration = Duration::from_secs(5);

impl Driver {
    /// Asks the store, again and again while the database is away. `None` when the run's state does not
    /// allow it: someone has cancelled it, and the cancellation is seen elsewhere.
    ///
    /// # Errors
    /// `Leave` when the process stops first, or another backend has taken the run over.
    pub(super) async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Result<Option<T>, Halt>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pause = Duration::from_millis(100);
        loop {
            match ask().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(Error::Illegal(_) | Error::Stale(_)) => return Ok(None),
                Err(Error::Fenced) => {
                    tracing::warn!(run.id = %self.record.run.id, "another backend drives this run now");
                    return Err(Halt::Leave);
                }
                Err(error) => {
                    tracing::warn!(run.id = %self.record.run.id, %error, "the store cannot be used yet, trying again");
                    if wait(&self.leave, pause).await {
                        return Err(Halt::Leave);
                    }
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
    }

    /// Writes a change to the run; keeps trying while the database is away. A change that the run's state no
    /// longer allows is dropped. Everything a run says comes through here, and leaves without its secrets.
    ///
    /// # Errors
    /// `Leave` when the process stops first.
    pub(super) async fn write(&mut self, mut write: RunWrite) -> Result<(), Halt> {
        masking::apply(&self.mask, &mut write);
        // So much is kept in memory, too.
        let write = Bounded::from(write);
        if let Some(written) = self.patiently(|| self.app.store.run_write(write.clone())).await? {
            self.remember(&write, written);
        }
        Ok(())
    }

    /// Keeps the record in step with what was written.
    fn remember(&mut self, write: &RunWrite, written: Written) {
        let run = &mut self.record.run;
        run.state = written.state;
        run.last_seq = written.last_seq;
        self.record.log_bytes = written.log_bytes;
        let RunPatch {
            instance_id,
            base_commit,
            step,
            attempt,
            agent_session,
            model,
            cost,
            usage,
            head_commit,
            gate,
            artifacts,
            work,
            execution,
            denied: _,
        } = write.patch.clone();
        run.instance_id = instance_id.or(run.instance_id);
        run.base_commit = base_commit.or_else(|| run.base_commit.take());
        run.step = step.unwrap_or(run.step);
        run.attempt = attempt.unwrap_or(run.attempt);
        run.agent_session = agent_session.or_else(|| run.agent_session.take());
        run.model = model.or_else(|| run.model.take());
        run.cost = cost.unwrap_or(run.cost);
        run.usage = usage.unwrap_or(run.usage);
        run.head_commit = head_commit.or_else(|| run.head_commit.take());
        run.gate = gate.unwrap_or_else(|| run.gate.take());
        if let Some(artifacts) = artifacts {
            run.artifacts = artifacts;
        }
        if let Some(work) = work {
            run.not_committed.clone_from(&work.not_committed);
            run.denied.tools = work.denied_tools();
            self.record.work = work;
        }
        if let Some((execution, n)) = execution {
            self.record.execution = Some(execution);
            self.record.execution_n = n;
        }
    }

    /// A write to this run.
    pub(super) fn change(&self) -> RunWrite {
        let mut write = RunWrite::of(self.record.run.id);
        write.fence = Some(self.record.fence);
        write
    }

    pub(super) async fn event(&mut self, body: EventBody) -> Result<(), Halt> {
        let write = self.change().event(self.record.run.step, body);
        self.write(write).await
    }

    pub(super) async fn progress(
        &mut self,
        phase: &str,
        text: impl Into<String>,
        percent: Option<u8>,
    ) -> Result<(), Halt> {
        self.event(EventBody::Progress(Progress { phase: phase.to_owned(), text: text.into(), percent }))
            .await
    }

    pub(super) async fn notice(&mut self, about: &str, text: impl Into<String>) -> Result<(), Halt> {
        self.event(EventBody::Notice(Notice { about: about.to_owned(), text: text.into() })).await
    }

    pub(super) async fn transition(&mut self, transition: Transition) -> Result<(), Halt> {
        let write = self.change().transition(transition);
        self.write(write).await
    }
}
