//! Checks: commands that decide whether a step is done; run by the executor, not by the agent.

mod beside;
mod clean;
mod vacuous;

use std::{
    os::fd::OwnedFd,
    path::Path,
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
use clean::Folder;

pub(crate) use clean::Commit;

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
    commit: &Commit,
    request: &Checks,
    expectations: &[Option<Regex>],
    stop: &CancellationToken,
) -> Vec<CheckRun> {
    // Before the first one: what a check itself makes, it has not relied on.
    let beside = match request.checks.iter().all(|check| check.clean) {
        true => String::new(),
        false => beside::words(account, JOB, commit, stop).await,
    };
    let mut results = Vec::new();
    for (check, expect) in request.checks.iter().zip(expectations) {
        let began = Instant::now();
        let timeout = Duration::from_secs(check.timeout_seconds.unwrap_or(TIMEOUT).min(LONGEST_TIMEOUT));
        let deadline = tokio::time::Instant::now() + timeout;
        let (ended, mut output, note) = if check.clean {
            run_clean(account, disk, commit, request, check, deadline, stop).await
        } else {
            let (ended, output) = run_one(account, disk, request, check, None, deadline, stop).await;
            (ended, output, beside.clone())
        };
        let (verdict, mut why, exit_code) = judge(check, &ended, &output, expect.as_ref(), timeout);
        if check.clean || verdict == Verdict::Passed {
            why.push_str(&note);
        }
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

/// Runs a check in a clean checkout, which is gone afterwards. The words say what it was run in.
async fn run_clean(
    account: &Account,
    disk: &Disk,
    commit: &Commit,
    request: &Checks,
    check: &Check,
    deadline: tokio::time::Instant,
    stop: &CancellationToken,
) -> (Ended, String, String) {
    let folder = Folder::new(account, JOB);
    let checked_out = tokio::select! {
        done = folder.check_out(commit) => done,
        () = tokio::time::sleep_until(deadline) => Err(std::io::ErrorKind::TimedOut.into()),
        () = stop.cancelled() => Err(std::io::ErrorKind::Interrupted.into()),
    };
    let ended = match checked_out {
        Ok(id) => {
            let folder = Some(folder.path());
            let (ended, output) = run_one(account, disk, request, check, folder, deadline, stop).await;
            (ended, output, format!(", in a clean checkout of {id}, which has only what is committed"))
        }
        Err(error) => {
            account.kill(JOB).await;
            let why = format!("its commit could not be checked out: {error}");
            (Ended::NotStarted(std::io::Error::other(why)), String::new(), String::new())
        }
    };
    folder.remove().await;
    ended
}

/// Runs a check in this folder; without one, in the workspace.
async fn run_one(
    account: &Account,
    disk: &Disk,
    request: &Checks,
    check: &Check,
    folder: Option<&Path>,
    deadline: tokio::time::Instant,
    stop: &CancellationToken,
) -> (Ended, String) {
    let (mut child, mut reader) = match start(account, request, check, folder) {
        Ok(started) => started,
        Err(error) => return (Ended::NotStarted(error), String::new()),
    };
    let mut output = Vec::new();
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
    folder: Option<&Path>,
) -> std::io::Result<(tokio::process::Child, pipe::Receiver)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = account.command("env", JOB);
    command.arg("-C").arg(folder.unwrap_or_else(|| account.workspace()));
    command.args(["bash", "-c", &check.run]).envs(&request.env).stdin(Stdio::null());
    command.env("CAISSON_WORKSPACE", account.workspace());
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
                None => (Verdict::Passed, CheckRun::PLAIN.to_owned()),
            },
        },
        Some(code) => (Verdict::Failed, format!("exit code {code}")),
    };
    (verdict, why, status.code())
}
