//! Writing down what happens: retried until the database takes it, because nothing a run said may be lost.

use std::time::Duration;

use api::{
    event::{EventBody, Notice, Progress},
    id::RunId,
    run::Transition,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Driver, Halt, masking, wait};
use crate::store::{Bounded, Error, RunPatch, RunWrite, Written};

/// The longest pause between two tries to write.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// A write that the store was given. The driver owns it, not the work that asked for it: work that is cancelled
/// leaves it behind, and it is completed and remembered before anything else is written.
pub(super) type Underway = oneshot::Receiver<Result<Option<(Bounded, Written)>, Halt>>;

/// Asks the store, again and again while the database is away. `None` when the run's state does not
/// allow it: someone has cancelled it, and the cancellation is seen elsewhere.
///
/// # Errors
/// `Leave` when the process stops first, or another backend has taken the run over.
pub(super) async fn retry_while_away<T, F>(
    run: RunId,
    leave: &CancellationToken,
    ask: impl Fn() -> F,
) -> Result<Option<T>, Halt>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut pause = Duration::from_millis(100);
    loop {
        match ask().await {
            Ok(answer) => return Ok(Some(answer)),
            Err(Error::Illegal(_) | Error::Stale(_)) => return Ok(None),
            Err(Error::Fenced) => {
                tracing::warn!(run.id = %run, "another backend drives this run now");
                return Err(Halt::Leave);
            }
            Err(error) => {
                tracing::warn!(run.id = %run, %error, "the store cannot be used yet, trying again");
                if wait(leave, pause).await {
                    return Err(Halt::Leave);
                }
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

impl Driver {
    /// Asks the store, again and again while the database is away; see [`retry_while_away`]. For reads, and for
    /// writes that may be cut off and repeated.
    pub(super) async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Result<Option<T>, Halt>
    where
        F: Future<Output = Result<T, Error>>,
    {
        retry_while_away(self.record.run.id, &self.leave, ask).await
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
        let (store, run, leave) = (self.app.store.clone(), self.record.run.id, self.leave.clone());
        self.carry_out(async move {
            let written = retry_while_away(run, &leave, || store.run_write(write.clone())).await?;
            Ok(written.map(|written| (write, written)))
        })
        .await
    }

    /// Completes a write, whatever becomes of the work that waits for it.
    pub(super) async fn carry_out(
        &mut self,
        write: impl Future<Output = Result<Option<(Bounded, Written)>, Halt>> + Send + 'static,
    ) -> Result<(), Halt> {
        self.complete().await?;
        let (done, underway) = oneshot::channel();
        // Nobody waits for it any more when the process stops.
        self.app.tasks.spawn("drive.write", |_| async { drop(done.send(write.await)) });
        self.underway = Some(underway);
        self.complete().await
    }

    /// Waits for the write that cancelled work has left behind, if there is one.
    ///
    /// # Errors
    /// As of the write.
    pub(super) async fn complete(&mut self) -> Result<(), Halt> {
        let Some(underway) = &mut self.underway else { return Ok(()) };
        // Without an answer its task was dropped, with the process.
        let done = underway.await.unwrap_or(Err(Halt::Leave));
        self.underway = None;
        if let Some((write, written)) = done? {
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

#[cfg(test)]
mod tests {
    use api::{
        Timestamp,
        run::{Gate, GateKind, Reason, Run, RunState},
        task::TaskSpec,
    };
    use futures::FutureExt as _;

    use super::*;
    use crate::{
        drive::{Driven, End, take},
        store::{GateRecord, RunPatch},
    };

    #[tokio::test]
    async fn a_write_is_completed_although_the_work_that_waited_for_it_was_cancelled() {
        let data = tempfile::tempdir().unwrap();
        let app = crate::app::tests::app(data.path()).await;
        let task = app.store.task_insert(TaskSpec::new("t", Vec::new()), "me").await.unwrap();
        let run = Run::queued(RunId::mint(), task.id, task.spec, "acme/web".to_owned(), Timestamp::now());
        let run = app.store.run_queue(&run, None).await.unwrap().id;
        let (record, gates) = take(&app, run).await.unwrap().unwrap();
        let mut driver = Driver::new(&app, record, &gates, Driven::default(), CancellationToken::new());
        let gate = Gate {
            id: uuid::Uuid::now_v7(),
            kind: GateKind::Question,
            text: "Which one?".to_owned(),
            options: Vec::new(),
            since: Timestamp::now(),
            until: None,
            answer: None,
        };
        let open = GateRecord::of(gate.clone(), None);
        assert!(driver.insert_gate(open, None).now_or_never().is_none(), "cancelled in the middle");
        assert!(driver.complete().await.is_ok());
        let patch = RunPatch { gate: Some(Some(gate.clone())), ..RunPatch::default() };
        let write = driver.change().patch(patch);
        assert!(driver.write(write).now_or_never().is_none(), "cancelled in the middle");
        assert!(driver.complete().await.is_ok());
        assert_eq!(driver.record.run.gate, Some(gate));
        driver.finish_without(End::cancelled()).await;
        let run = app.store.run_fetch(run).await.unwrap().unwrap();
        assert_eq!((run.state, run.reason, run.gate), (RunState::Ended, Some(Reason::CancelledByUser), None));
        assert!(app.store.gate_ids(run.id).await.unwrap().iter().all(|(_, open)| !open));
    }
}
