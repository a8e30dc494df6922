//! The driver: one task per execution, the only writer of its spool and the only one who ends it.

mod said;

use std::{process::ExitStatus, time::Duration};

use api::{
    Timestamp,
    agent::AgentLine,
    executor::{AgentResult, Execute, ExecutionLine, Exit, ExitCause},
    task::PermissionProfile,
};
use tokio::{
    process::Child,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Ends, Execution,
    clock::Clock,
    follow::Partial,
    lines::{LONGEST, Line, Lines},
    memory,
    speak::speak,
    spool::Spool,
};
use crate::{
    Config,
    account::Account,
    agents::{self, Adapter, Reading},
    disk::Disk,
    tasks::Tasks,
};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);
/// How long output may still come once the process is gone: whatever holds the pipe is not the agent.
const DRAIN: Duration = Duration::from_secs(2);
/// How much of standard error `End` carries.
const STDERR_TAIL: usize = 4 << 10;
/// So that a time-out can be added to now.
const LONGEST_TIMEOUT: u64 = 365 * 24 * 3600;

/// Drives one execution.
pub(crate) struct Driver {
    account: Account,
    agent: &'static dyn Adapter,
    job: String,
    spool: Spool,
    ends: Ends,
    /// What ends it, once that is known; the first cause stays.
    cause: Option<ExitCause>,
    result: Option<AgentResult>,
    /// Whether a turn has begun and given no result yet.
    turn: bool,
    stderr: String,
    /// Cancelled when the agent has answered: nothing more is said to it.
    answered: CancellationToken,
    /// Whether it printed anything.
    spoke: bool,
    result_grace: Duration,
    /// How many bytes nobody has acknowledged yet before the agent waits.
    unread: u64,
    profile: PermissionProfile,
    clock: Clock,
    disk: Disk,
    /// The kernel's count when it began.
    memory_kills: u64,
    /// How long the process may still go on after its result.
    hung: Option<Clock>,
    kill_at: Option<Instant>,
}

impl Driver {
    /// A driver and the handle to what it will drive.
    pub(crate) fn new(
        account: Account,
        spool: Spool,
        request: &Execute,
        config: &Config,
        disk: Disk,
    ) -> (Self, Execution) {
        let agent = agents::adapter(request.agent);
        let (execution, ends) = Execution::new(spool.log().clone(), agent);
        let timeout = Duration::from_secs(request.timeout_seconds.min(LONGEST_TIMEOUT));
        let driver = Self {
            account,
            agent,
            job: request.execution_id.clone(),
            spool,
            ends,
            cause: None,
            result: None,
            turn: false,
            stderr: String::new(),
            answered: CancellationToken::new(),
            spoke: false,
            result_grace: Duration::from_secs(config.result_grace_seconds),
            unread: config.unread_bytes,
            profile: request.permission_profile,
            clock: Clock::new(timeout, Instant::now()),
            disk,
            memory_kills: memory::kills(),
            hung: None,
            kill_at: None,
        };
        (driver, execution)
    }

    /// Ends an execution that could not be started.
    pub(crate) fn refuse(mut self, why: &std::io::Error) {
        self.stderr = format!("the agent could not be started: {why}");
        self.cause = Some(ExitCause::NotStarted);
        self.end(None);
    }

    /// Drives the agent to its end.
    pub(crate) async fn drive(mut self, mut child: Child, prompt: String, tasks: Tasks) {
        self.turn = true;
        let gone = CancellationToken::new();
        if let Some(stdin) = child.stdin.take() {
            let input = std::mem::replace(&mut self.ends.input, tokio::sync::mpsc::channel(1).1);
            let prompt = self.agent.message(&prompt);
            tasks.spawn("agent input", speak(stdin, prompt, input, self.answered.clone(), gone.clone()));
        }
        let mut stdout = Lines::new(child.stdout.take(), LONGEST);
        let mut stderr = Lines::new(child.stderr.take(), LONGEST);
        let never = Instant::now() + Duration::from_secs(2 * LONGEST_TIMEOUT);
        let stop = tasks.stop().clone();
        let mut open = self.ends.inbox.open();
        let mut acknowledged = self.spool.log().acknowledgements();
        let disk = self.disk.clone();
        let mut full = std::pin::pin!(disk.full());
        let status = loop {
            let running = self.cause.is_none();
            // What is not read stays in the agent's pipe, so the agent waits, and its clocks with it.
            let held = self.unread < self.spool.unacknowledged();
            self.halt(held, 0 < *open.borrow());
            tokio::select! {
                line = stdout.next(), if !held && !stdout.ended() => self.stdout_line(line).await,
                line = stderr.next(), if !held && !stderr.ended() => self.stderr_line(line).await,
                // It cannot close: the spool holds the other end.
                Ok(()) = acknowledged.changed(), if held => {}
                status = child.wait() => break status,
                () = self.ends.cancel.cancelled(), if running => self.stop(ExitCause::Cancelled).await,
                () = stop.cancelled(), if running => self.stop(ExitCause::Cancelled).await,
                Ok(()) = open.changed() => {}
                why = &mut full, if running => {
                    self.stderr_line(Some(Line { text: why, dropped: 0 })).await;
                    self.stop(ExitCause::DiskFull).await;
                }
                () = sleep_until(self.clock.end().unwrap_or(never)), if running => {
                    self.stop(ExitCause::Timeout).await;
                }
                () = sleep_until(self.hung.as_ref().and_then(Clock::end).unwrap_or(never)), if running => {
                    self.stop(ExitCause::HungAfterResult).await;
                }
                () = sleep_until(self.kill_at.unwrap_or(never)) => {
                    self.kill_at = None;
                    self.account.kill(&self.job).await;
                    // Also what has not become the agent's user yet.
                    let _ = child.start_kill();
                }
            }
        };
        self.answered.cancel();
        gone.cancel();
        // What the agent left in its pipes is little. A process that prints without end is not the agent.
        let most = self.spool.unacknowledged() + self.unread;
        let rest = async {
            while (!stdout.ended() || !stderr.ended()) && self.spool.unacknowledged() < most {
                tokio::select! {
                    line = stdout.next(), if !stdout.ended() => self.stdout_line(line).await,
                    line = stderr.next(), if !stderr.ended() => self.stderr_line(line).await,
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN, rest).await;
        // Checks and commits come next: nothing of the agent may work on beside them.
        self.account.kill(&self.job).await;
        let status = status.ok();
        self.end_turn(status).await;
        self.end(status);
    }

    /// Lets the clocks stand still while the agent waits, for readers or for a person.
    fn halt(&mut self, held: bool, asked: bool) {
        let now = Instant::now();
        self.clock.halt(held || asked, now);
        if let Some(hung) = &mut self.hung {
            hung.halt(held, now);
        }
    }

    async fn stop(&mut self, cause: ExitCause) {
        self.cause = Some(cause);
        // A full disk needs no patience: nothing that comes now can be kept.
        let grace = if cause == ExitCause::DiskFull { Duration::ZERO } else { GRACE };
        self.kill_at = Some(Instant::now() + grace);
        self.account.terminate(&self.job).await;
    }

    async fn stdout_line(&mut self, line: Option<Line>) {
        let Some(line) = line else { return };
        self.spoke = true;
        let kept = line.text.len();
        let raw = match line.dropped {
            0 => line.text,
            dropped => format!("{}… [{dropped} bytes cut]", line.text),
        };
        match self.agent.read(&raw) {
            Reading::Live => {}
            Reading::Partial { text, block } => {
                // Nobody may be listening.
                let _ = self.ends.partials.send(Partial { after: self.spool.mark().n, text, block });
            }
            Reading::Line(said) => {
                let line = AgentLine { event: Box::new(said.event), more: said.more, raw };
                // Before anyone is offered the line: the answer may come at once.
                line.events().for_each(|event| self.note(event, &line.raw));
                self.obey(said.control);
                self.keep(|n| ExecutionLine::Agent { n, at: Timestamp::now(), line }).await;
            }
        }
        if 0 < line.dropped {
            let text = format!("a line of {} bytes was cut after {kept} bytes", kept as u64 + line.dropped);
            self.keep(|n| ExecutionLine::Stderr { n, at: Timestamp::now(), text }).await;
        }
    }

    async fn stderr_line(&mut self, line: Option<Line>) {
        let Some(Line { text, .. }) = line else { return };
        self.stderr.push_str(&text);
        self.stderr.push('\n');
        keep_tail(&mut self.stderr, STDERR_TAIL);
        self.keep(|n| ExecutionLine::Stderr { n, at: Timestamp::now(), text }).await;
    }

    async fn keep(&mut self, make: impl FnOnce(u64) -> ExecutionLine) {
        if self.cause == Some(ExitCause::DiskFull) {
            return;
        }
        if let Err(error) = self.spool.append(make) {
            tracing::error!(%error, "the spool cannot be written; the agent is killed");
            self.stop(ExitCause::DiskFull).await;
        }
    }

    /// What ended it, as far as is known.
    fn cause(&self, status: Option<ExitStatus>) -> ExitCause {
        // What `setpriv` and `env` say when there is no such command or no such place.
        let code = status.and_then(|status| status.code());
        let not_started = !self.spoke && matches!(code, Some(125..=127));
        let by_itself = if not_started { ExitCause::NotStarted } else { ExitCause::Exited };
        self.cause.unwrap_or(by_itself)
    }

    fn end(&mut self, status: Option<ExitStatus>) {
        use std::os::unix::process::ExitStatusExt;
        let exit = Exit {
            cause: self.cause(status),
            code: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            result: self.result.take(),
            stderr: std::mem::take(&mut self.stderr),
            memory_kills: memory::kills().saturating_sub(self.memory_kills),
        };
        tracing::info!(execution.id = %self.job, cause = ?exit.cause, code = ?exit.code, "execution ended");
        if let Err(error) = self.spool.append(|n| ExecutionLine::End { n, at: Timestamp::now(), exit }) {
            tracing::error!(%error, "an execution's end could not be kept");
        }
    }
}

/// Drops from the front, at a character, until at most `most` bytes are left.
pub(crate) fn keep_tail(text: &mut String, most: usize) {
    if most < text.len() {
        let start =
            (text.len() - most..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text.drain(..start);
    }
}

#[cfg(test)]
mod tests;
