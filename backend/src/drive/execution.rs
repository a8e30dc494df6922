//! One execution of the agent: its lines become events, each exactly once.

use std::time::Duration;

use api::{
    claude::{self, Block, Reading},
    event::{AgentLineType, EventBody, Notice},
    executor::{Execute, ExecutionLine, Exit},
};
use futures::{Stream, StreamExt, stream::FuturesUnordered};
use uuid::Uuid;

use super::{Driver, End, Halt, asks::Asked, heed::heed, lines, silence::Silence, wait};
use crate::{
    agent::{Agent, Error},
    store::{NewEvent, Partial, RunPatch},
    turn::Turn,
};

/// How long an executor that does not answer is asked again before the run is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Asks an executor for something that may be asked twice, again when the connection is cut.
pub(super) async fn insist<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let began = tokio::time::Instant::now();
    loop {
        match ask().await {
            Err(Error::Unreachable(_)) if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
}

impl Driver {
    /// Runs the agent, or goes on reading an execution that is under way, until its end.
    pub(super) async fn execute(&mut self, agent: &Agent, execute: &Execute) -> Result<Exit, Halt> {
        let id = execute.execution_id.clone();
        let mut unreachable_since = None;
        // The first call starts it. A repeated one would only follow it, but from the beginning.
        let mut started = self.record.execution.as_ref() == Some(&id);
        loop {
            let after = self.stored_of(&id);
            let stopped = if started {
                match agent.events(&id, after).await {
                    Ok(lines) => self.read(agent, &id, lines, &mut unreachable_since).await?,
                    Err(error) => Stopped::of(error),
                }
            } else {
                match agent.execute(execute).await {
                    Ok(lines) => {
                        started = true;
                        self.read(agent, &id, lines, &mut unreachable_since).await?
                    }
                    Err(error) => Stopped::of(error),
                }
            };
            match stopped {
                Stopped::End(exit) => return Ok(exit),
                Stopped::Held => {}
                Stopped::Cut(why) => {
                    let since = *unreachable_since.get_or_insert_with(tokio::time::Instant::now);
                    if PATIENCE < since.elapsed() {
                        let detail = format!("The executor in the container no longer answers: {why}");
                        return Err(End::new(api::run::Reason::InstanceLost, detail).into());
                    }
                    if wait(&self.leave, PAUSE).await {
                        return Err(Halt::Leave);
                    }
                }
                Stopped::Refused(why) => {
                    let detail = format!("The executor refused to run the agent: {why}");
                    return Err(End::new(api::run::Reason::InvalidConfiguration, detail).into());
                }
            }
        }
    }

    /// The number of the last stored line of this execution; 0 before the first.
    fn stored_of(&self, id: &str) -> u64 {
        if self.record.execution.as_deref() == Some(id) { self.record.execution_n } else { 0 }
    }

    /// Stores lines as they come, until the stream ends.
    async fn read(
        &mut self,
        agent: &Agent,
        id: &str,
        lines: impl Stream<Item = Result<(ExecutionLine, Turn), Error>> + Send + 'static,
        unreachable_since: &mut Option<tokio::time::Instant>,
    ) -> Result<Stopped, Halt> {
        let mut batches = Some(lines::gathered(lines));
        // The executor holds the agent while too much is not acknowledged, so the last line has to be, always.
        let mut acks = FuturesUnordered::new();
        let mut stored = self.stored_of(id);
        acks.push(acknowledge(agent, id, stored));
        // What people said while nobody listened.
        self.settle(agent, id).await?;
        let mut silence = Silence::new(self.app.config.runs.silence_notice);
        let (driven, money) = (self.driven.clone(), self.money.clone());
        let mut room = self.app.room.subscribe();
        loop {
            room.mark_unchanged();
            let now = self.app.look_for_room();
            let waits = self.waits_for_room(now).await?;
            if waits {
                // What was read ahead is read again; its place in memory is for the others until then.
                batches = None;
                self.clock.stop();
            } else if batches.is_none() {
                if self.record.run.gate.is_none() {
                    self.clock.go();
                }
                return Ok(Stopped::Held);
            }
            let next = async {
                match &mut batches {
                    Some(batches) => batches.next().await,
                    None => std::future::pending().await,
                }
            };
            let batch = tokio::select! {
                batch = next => batch,
                // It cannot close: the app holds the other end.
                Ok(()) = room.changed() => continue,
                Some((last, answer)) = acks.next() => {
                    if let Err(Error::Unreachable(why)) = answer {
                        return Ok(Stopped::Cut(why));
                    }
                    if last < stored {
                        acks.push(acknowledge(agent, id, stored));
                    }
                    continue;
                }
                () = driven.inbox.notified() => {
                    self.settle(agent, id).await?;
                    continue;
                }
                line = money.blocked(), if self.record.run.gate.is_none() => {
                    self.open_budget(line).await?;
                    continue;
                }
                quiet = silence.lasts(), if !waits => {
                    self.tell_silence(agent, id, quiet).await?;
                    continue;
                }
            };
            // Their place in memory is given back when they are stored.
            let Some((batch, _place)) = batch else { break };
            silence.broken();
            *unreachable_since = None;
            if !self.has_room(lines::bytes_of(&batch)) {
                // It is read again when there is room.
                batches = None;
                continue;
            }
            let (kept, outcome) = self.sort(batch);
            if let Some(last) = kept.last().and_then(ExecutionLine::n) {
                let asked = match self.open_asks(agent, id, &kept).await? {
                    Asked::Done(asked) => asked,
                    Asked::Cut(why) => return Ok(Stopped::Cut(why)),
                };
                self.store_lines(id, kept, last).await?;
                if let Some(end) = self.log_is_full() {
                    return Err(end.into());
                }
                // What is stored here may be forgotten there; one acknowledgement at a time is under way.
                stored = last;
                if acks.is_empty() {
                    acks.push(acknowledge(agent, id, stored));
                }
                if asked {
                    self.show_gate().await?;
                }
            }
            if let Some(outcome) = outcome {
                if matches!(outcome, Stopped::End(_)) {
                    self.withdraw(Some(id)).await?;
                }
                return Ok(outcome);
            }
        }
        Ok(Stopped::Cut("the stream ended without its last line".to_owned()))
    }

    /// Passes tokens on; answers the lines to keep, and how reading ended, if it did.
    fn sort(&mut self, batch: Vec<Result<ExecutionLine, Error>>) -> (Vec<ExecutionLine>, Option<Stopped>) {
        let mut kept = Vec::with_capacity(batch.len());
        let mut outcome = None;
        for line in batch {
            match line {
                Ok(ExecutionLine::Partial { text, block }) => {
                    self.send_partial(Partial { text, block });
                }
                // Its number is not stored, so that a driver that comes after a crash reads it again.
                Ok(ExecutionLine::End { exit, .. }) => {
                    self.flush_partials();
                    outcome = Some(Stopped::End(exit));
                }
                Ok(line) => {
                    self.flush_partials();
                    kept.push(line);
                }
                Err(error) => outcome = Some(Stopped::of(error)),
            }
        }
        (kept, outcome)
    }

    pub(super) async fn store_lines(
        &mut self,
        id: &str,
        lines: Vec<ExecutionLine>,
        last: u64,
    ) -> Result<(), Halt> {
        let step = Some(self.record.run.step);
        let mut patch = RunPatch { execution: Some((id.to_owned(), last)), ..RunPatch::default() };
        let mut work = self.record.work.clone();
        let mut write = self.change();
        write.execution = Some(id.to_owned());
        for line in lines {
            let event = match line {
                ExecutionLine::Agent { n, at, line } => {
                    if line.r#type == AgentLineType::Init {
                        note_session(&line.raw, &mut patch);
                    }
                    heed(&mut work, id, &line);
                    NewEvent { at, step, body: EventBody::Agent(line), n: Some(n) }
                }
                ExecutionLine::Stderr { n, at, text } => {
                    let body = EventBody::Notice(Notice { about: "stderr".to_owned(), text });
                    NewEvent { at, step, body, n: Some(n) }
                }
                ExecutionLine::End { .. } | ExecutionLine::Partial { .. } => continue,
            };
            write.events.push(event);
        }
        patch.work = Some(work).filter(|work| *work != self.record.work);
        write.patch = patch;
        self.write(write).await
    }
}

/// Tells the executor that the lines up to `n` are stored; answers `n` with how that went.
async fn acknowledge(agent: &Agent, id: &str, n: u64) -> (u64, Result<(), Error>) {
    (n, agent.ack(id, n).await)
}

/// The first line of a session tells its id and the model that answers.
fn note_session(raw: &str, patch: &mut RunPatch) {
    if let Reading::Line { blocks, .. } = claude::read(raw)
        && let Some(Block::Init { model, session }) = blocks.into_iter().next()
    {
        patch.model = Some(model);
        patch.agent_session = session_id(session);
    }
}

/// What an agent calls its session, if it is an id: it is stored, shown, and given to a command line again.
pub(super) fn session_id(said: String) -> Option<String> {
    Some(said).filter(|said| said.len() == 36 && Uuid::try_parse(said).is_ok())
}

/// How reading came to its end.
enum Stopped {
    /// The execution is over.
    End(Exit),
    /// The connection was cut: ask again.
    Cut(String),
    /// There was no room for more, and now there is: ask again.
    Held,
    /// The executor will not do it.
    Refused(String),
}

impl Stopped {
    fn of(error: Error) -> Self {
        match error {
            Error::Unreachable(why) => Self::Cut(why),
            Error::Refused { failure, .. } => Self::Refused(failure.error),
            Error::Protocol(why) => Self::Refused(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_that_is_none_is_not_stored() {
        let noted = |session: &str| {
            let line = serde_json::json!({ "type": "system", "subtype": "init", "model": "m", "session_id": session });
            let mut patch = RunPatch::default();
            note_session(&line.to_string(), &mut patch);
            assert_eq!(patch.model.as_deref(), Some("m"));
            patch.agent_session
        };
        let id = "019b7c1e-3a2e-7000-8000-000000000001";
        assert_eq!(noted(id).as_deref(), Some(id));
        let long = "x".repeat(1 << 20);
        for none in ["", "s", "--dangerously-skip-permissions", "../../x", &id.replace('-', ""), &long] {
            assert_eq!(noted(none), None, "{none:.60}");
        }
    }
}
