//! The rest of PID 1's life: it reaps what ends in the container, passes signals on to the executor,
//! and ends as the executor ends.

use std::process::{Child, ExitCode};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// What a shell adds to the number of the signal that ended a process.
const KILLED_BY: i32 = 128;

/// Waits for the executor's end and returns its exit code.
///
/// A signal that arrives before this is called is lost: PID 1 ignores what it does not wait for.
///
/// # Errors
/// When the kernel refuses to let this process wait.
pub(crate) fn supervise(executor: Child) -> Result<ExitCode> {
    let executor = Pid::from_raw(i32::try_from(executor.id()).context("the executor's pid is out of range")?);
    let awaited = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT]);
    awaited.thread_block().context("signals cannot be blocked")?;
    loop {
        // Before the wait: a child may have ended before its signal was blocked.
        if let Some(code) = reap(executor)? {
            // It is not started again: what it knew of the run is gone, and the backend decides what comes next.
            eprintln!("firewall: the executor has ended with code {code}; the container ends with it");
            return Ok(ExitCode::from(code));
        }
        match awaited.wait().context("signals cannot be awaited")? {
            Signal::SIGCHLD => {}
            // It may be gone by now; the next round of the loop will tell.
            signal => drop(kill(executor, signal)),
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
