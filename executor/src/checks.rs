//! Checks: commands that decide whether a step is done; run by the executor, not by the agent.

mod vacuous;

use std::{
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use api::{
    event::{CheckRun, Verdict},
    executor::Checks,
    task::Check,
};
use regex::Regex;
use tokio::{io::AsyncReadExt, net::unix::pipe};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    disk::Disk,
    execution::{keep_tail, request::check_env},
    refusal::Refusal,
};

/// What a check may take when it does not say.
const TIMEOUT: u64 = 600;
/// So that a time-out can be added to now.
const LONGEST_TIMEOUT: u64 = 24 * 3600;
/// How much of the output is reported.
const TAIL: usize = 16 << 10;
/// How much of its end is held against `expect`.
const MATCHED: usize = 1 << 20;
/// How long output may come once everything was killed.
const DRAIN: Duration = Duration::from_secs(2);
/// Known by this in the environment.
const JOB: &str = "check";

/// How a command ended.
enum Ended {
    Exited(ExitStatus),
    TimedOut,
    /// Its files take too much: the sentence.
    DiskFull(String),
    NotStarted(std::io::Error),
}

/// Reads the regular expressions before anything is run.
///
/// # Errors
/// `Invalid` that names the check.
pub(crate) fn expectations(request: &Checks) -> Result<Vec<Option<Regex>>, Refusal> {
    check_env(&request.env)?;
    let read = |(place, check): (usize, &Check)| {
        let regex = check.expect.as_deref().map(Regex::new).transpose();
        regex.map_err(|error| Refusal::Invalid(format!("checks[{place}].expect: {error}")))
    };
    request.checks.iter().enumerate().map(read).collect()
}

/// Runs the checks in order, up to the first that does not pass. Ends early when `stop` is cancelled.
pub(crate) async fn run(
    account: &Account,
    disk: &Disk,
    request: &Checks,
    expectations: &[Option<Regex>],
    stop: &CancellationToken,
) -> Vec<CheckRun> {
    let mut results = Vec::new();
    for (check, expect) in request.checks.iter().zip(expectations) {
        let began = Instant::now();
        let timeout = Duration::from_secs(check.timeout_seconds.unwrap_or(TIMEOUT).min(LONGEST_TIMEOUT));
        let (ended, mut output) = run_one(account, disk, request, check, timeout, stop).await;
        let (verdict, why, exit_code) = judge(check, &ended, &output, expect.as_ref(), timeout);
        keep_tail(&mut output, TAIL);
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let attempt = request.attempt;
        results.push(CheckRun {
            run: check.run.clone(),
            exit_code,
            verdict,
            why,
            output,
            duration_ms,
            attempt,
        });
        if verdict != Verdict::Passed || stop.is_cancelled() {
            break;
        }
    }
    results
}

async fn run_one(
    account: &Account,
    disk: &Disk,
    request: &Checks,
    check: &Check,
    timeout: Duration,
    stop: &CancellationToken,
) -> (Ended, String) {
    let (mut child, mut reader) = match start(account, request, check) {
        Ok(started) => started,
        Err(error) => return (Ended::NotStarted(error), String::new()),
    };
    let mut output = Vec::new();
    let deadline = tokio::time::Instant::now() + timeout;
    let mut full = std::pin::pin!(disk.full());
    let ended = loop {
        tokio::select! {
            read = read_some(&mut reader, &mut output) => if !read { break wait(&mut child, deadline, stop).await },
            status = child.wait() => break status.map_or_else(Ended::NotStarted, Ended::Exited),
            () = tokio::time::sleep_until(deadline) => break Ended::TimedOut,
            () = stop.cancelled() => break Ended::TimedOut,
            why = &mut full => break Ended::DiskFull(why),
        }
    };
    // What it left running must not disturb the next one.
    account.kill(JOB).await;
    let _ = child.start_kill();
    let rest = async { while read_some(&mut reader, &mut output).await {} };
    let _ = tokio::time::timeout(DRAIN, rest).await;
    (ended, String::from_utf8_lossy(&output).into_owned())
}

/// The process has closed its output and may still work.
async fn wait(
    child: &mut tokio::process::Child,
    deadline: tokio::time::Instant,
    stop: &CancellationToken,
) -> Ended {
    tokio::select! {
        status = child.wait() => status.map_or_else(Ended::NotStarted, Ended::Exited),
        () = tokio::time::sleep_until(deadline) => Ended::TimedOut,
        () = stop.cancelled() => Ended::TimedOut,
    }
}

/// Both streams go into one pipe, so that they stay in order.
fn start(
    account: &Account,
    request: &Checks,
    check: &Check,
) -> std::io::Result<(tokio::process::Child, pipe::Receiver)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = account.command("bash", JOB);
    command.args(["-c", &check.run]).envs(&request.env).stdin(Stdio::null());
    command.stdout(writer.try_clone()?).stderr(writer);
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    Ok((command.spawn()?, reader))
}

/// Reads on; `false` at the end.
async fn read_some(reader: &mut pipe::Receiver, output: &mut Vec<u8>) -> bool {
    let more = reader.read_buf(output).await.is_ok_and(|read| 0 < read);
    if 2 * MATCHED < output.len() {
        output.drain(..output.len() - MATCHED);
    }
    more
}

fn judge(
    check: &Check,
    ended: &Ended,
    output: &str,
    expect: Option<&Regex>,
    timeout: Duration,
) -> (Verdict, String, Option<i32>) {
    let status = match ended {
        Ended::DiskFull(why) => return (Verdict::Failed, why.clone(), None),
        Ended::NotStarted(error) => return (Verdict::Failed, format!("could not be run: {error}"), None),
        Ended::TimedOut => {
            return (Verdict::TimedOut, format!("took longer than {} seconds", timeout.as_secs()), None);
        }
        Ended::Exited(status) => *status,
    };
    let (verdict, why) = match status.code() {
        None => (Verdict::Failed, format!("was killed: {status}")),
        Some(126 | 127) => (Verdict::Vacuous, "no such command, so nothing was checked".to_owned()),
        Some(0) if check.run.trim().is_empty() => (Verdict::Vacuous, "the command is blank".to_owned()),
        Some(0) => match expect {
            Some(regex) if !regex.is_match(output) => {
                (Verdict::Failed, format!("exit code 0, but the output does not match {:?}", regex.as_str()))
            }
            Some(regex) => {
                (Verdict::Passed, format!("exit code 0, and the output matches {:?}", regex.as_str()))
            }
            // Who expects a certain output has said what counts.
            None => match vacuous::says_nothing(output) {
                Some(line) => (Verdict::Vacuous, format!("exit code 0, but no test was run: {line:?}")),
                None => (Verdict::Passed, "exit code 0".to_owned()),
            },
        },
        Some(code) => (Verdict::Failed, format!("exit code {code}")),
    };
    (verdict, why, status.code())
}
