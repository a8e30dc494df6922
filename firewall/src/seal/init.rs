//! The rest of PID 1's life: it reaps what ends in the container, passes signals on to the executor,
//! and ends as the executor ends.

use std::process::{Child, ExitCode};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal as Number, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell adds to the number of the signal that ended a process.
const KILLED_BY: i32 = 128;

/// The signals that PID 1 waits for. One that arrives before this exists is lost.
pub(super) struct Signals {
    child: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self> {
        let wait_for = |kind| signal(kind).context("signals cannot be awaited");
        Ok(Self {
            child: wait_for(SignalKind::child())?,
            terminate: wait_for(SignalKind::terminate())?,
            interrupt: wait_for(SignalKind::interrupt())?,
        })
    }

    /// Waits for the executor's end and returns its exit code.
    ///
    /// # Errors
    /// When the kernel refuses to let this process wait.
    pub(super) async fn supervise(&mut self, executor: Child) -> Result<ExitCode> {
        let executor = i32::try_from(executor.id()).context("the executor's pid is out of range")?;
        let executor = Pid::from_raw(executor);
        loop {
            // Before the wait: a child may have ended already.
            if let Some(code) = reap(executor)? {
                // It is not started again: what it knew of the run is gone, and the backend decides what comes next.
                eprintln!("firewall: the executor has ended with code {code}; the container ends with it");
                return Ok(ExitCode::from(code));
            }
            let passed_on = tokio::select! {
                _ = self.child.recv() => continue,
                _ = self.terminate.recv() => Number::SIGTERM,
                _ = self.interrupt.recv() => Number::SIGINT,
            };
            // It may be gone by now; the next round of the loop will tell.
            let _ = kill(executor, passed_on);
        }
    }
}

/// Takes every ended child away. The executor's exit code, if it was among them.
fn reap(executor: Pid) -> Result<Option<u8>> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == executor => code = Some(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == executor => {
                code = Some(KILLED_BY + signal as i32);
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("children cannot be waited for"),
        }
    }
    // Exit codes and 128 + signal fit; anything else is a failure.
    Ok(code.map(|code| u8::try_from(code).unwrap_or(u8::MAX)))
}
