//! Checks: commands that decide whether a step is done; run by the executor, not by the agent.

mod beside;
mod clean;
mod vacuous;
mod verdict;

use std::{
    io,
    os::fd::OwnedFd,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use api::{
    event::{CheckRun, Verdict},
    executor::{Checks, GitFailure},
    task::Check,
};
use regex::Regex;
use tokio::{io::AsyncReadExt, net::unix::pipe};
use tokio_util::sync::CancellationToken;

use crate::{
    account::Account,
    disk::Disk,
    execution::{keep_tail, request::check_env},
    fresh::{Aside, Fresh, Level},
    git::Git,
    refusal::Refusal,
};
use clean::Folder;
use verdict::{Ended, Judged, judge, refused};

pub(crate) use beside::first_few;
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

/// Who runs checks, and on what.
pub(crate) struct Judge {
    pub(crate) account: Account,
    pub(crate) disk: Disk,
    pub(crate) fresh: Fresh,
    pub(crate) git: Git,
    pub(crate) commit: Commit,
    pub(crate) request: Checks,
    /// The regular expressions of the request.
    pub(crate) expectations: Vec<Option<Regex>>,
    /// Cancelled when nobody wants the verdicts any more.
    pub(crate) stop: CancellationToken,
}

impl Judge {
    /// Runs the checks in order, up to the first that does not pass. What the agent has left lying about is not there
    /// meanwhile. Ends early when it is stopped.
    pub(crate) async fn run(&self) -> Vec<CheckRun> {
        // Also what has outlived the agent.
        self.account.kill(JOB).await;
        let results = match self.begin().await {
            Ok(aside) => self.run_all(&aside).await,
            Err(why) => {
                let refused = |check| self.result(check, Instant::now(), refused(&why), "");
                self.request.checks.first().map(refused).into_iter().collect()
            }
        };
        restore(&self.fresh, &self.git).await;
        results
    }

    /// The agent's repository, home and temporary files are set aside.
    async fn begin(&self) -> io::Result<Aside> {
        let lent = self.git.lend(self.commit.id()).await;
        lent.map_err(|failure| {
            io::Error::other(format!("its commit could not be checked out: {}", failure.message))
        })?;
        let aside = self.fresh.set_aside(Level::Caches).await;
        aside.map_err(|error| io::Error::other(format!("its home could not be made fresh: {error}")))
    }

    async fn run_all(&self, aside: &Aside) -> Vec<CheckRun> {
        // Before the first one: what a check itself makes, it has not relied on.
        let beside = match self.request.checks.iter().all(|check| check.clean) {
            true => String::new(),
            false => beside::words(&self.account, JOB, &self.commit, &self.stop).await,
        };
        let mut results = Vec::new();
        for (check, expect) in self.request.checks.iter().zip(&self.expectations) {
            let began = Instant::now();
            let limit = time_limit(check);
            let deadline = tokio::time::Instant::now() + limit;
            let (ended, output, note) = if check.clean {
                self.run_clean(check, deadline).await
            } else {
                let (ended, output) = self.run_one(check, None, deadline).await;
                (ended, output, beside.clone())
            };
            let mut judged = judge(check, &ended, &output, expect.as_ref(), limit);
            if check.clean || judged.0 == Verdict::Passed {
                judged.1.push_str(&note);
            }
            if matches!(ended, Ended::Exited(_)) && judged.0 != Verdict::Passed {
                judged.1.push_str(&aside.words(&output));
            }
            results.push(self.result(check, began, judged, &output));
            if results.last().is_some_and(|last| last.verdict != Verdict::Passed) || self.stop.is_cancelled()
            {
                break;
            }
        }
        results
    }

    fn result(&self, check: &Check, began: Instant, judged: Judged, output: &str) -> CheckRun {
        let (verdict, why, exit_code) = judged;
        let mut output = output.to_owned();
        keep_tail(&mut output, TAIL);
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let attempt = self.request.attempt;
        CheckRun { run: check.run.clone(), exit_code, verdict, why, output, duration_ms, attempt }
    }

    /// Runs a check in a clean checkout with a home of its own, both gone afterwards. The words say what it was run in.
    async fn run_clean(&self, check: &Check, deadline: tokio::time::Instant) -> (Ended, String, String) {
        let ended = match self.fresh.set_aside(Level::Bare).await {
            Ok(_) => self.run_in_checkout(check, deadline).await,
            Err(error) => {
                let why = io::Error::other(format!("its home could not be made fresh: {error}"));
                (Ended::NotStarted(why), String::new(), String::new())
            }
        };
        if let Err(error) = self.fresh.put_back(Level::Bare).await {
            tracing::error!(%error, "the checks' home could not be put back");
        }
        ended
    }

    async fn run_in_checkout(
        &self,
        check: &Check,
        deadline: tokio::time::Instant,
    ) -> (Ended, String, String) {
        let folder = Folder::new(&self.account, JOB);
        let failed = |error: GitFailure| io::Error::other(error.message);
        let checked_out = tokio::select! {
            done = self.git.check_out(self.commit.id(), folder.path().to_owned()) => done.map_err(failed),
            () = tokio::time::sleep_until(deadline) => Err(io::ErrorKind::TimedOut.into()),
            () = self.stop.cancelled() => Err(io::ErrorKind::Interrupted.into()),
        };
        let ended = match checked_out {
            Ok(id) => {
                let (ended, output) = self.run_one(check, Some(folder.path()), deadline).await;
                (ended, output, format!(", in a clean checkout of {id}, which has only what is committed"))
            }
            Err(error) => {
                self.account.kill(JOB).await;
                let why = format!("its commit could not be checked out: {error}");
                (Ended::NotStarted(io::Error::other(why)), String::new(), String::new())
            }
        };
        folder.remove().await;
        ended
    }

    /// Runs a check in this folder; without one, in the workspace.
    async fn run_one(
        &self,
        check: &Check,
        folder: Option<&Path>,
        deadline: tokio::time::Instant,
    ) -> (Ended, String) {
        let (account, stop) = (&self.account, &self.stop);
        let (mut child, mut reader) = match start(account, &self.request, check, folder) {
            Ok(started) => started,
            Err(error) => return (Ended::NotStarted(error), String::new()),
        };
        let mut output = Vec::new();
        let mut full = std::pin::pin!(self.disk.full());
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
}

/// Puts back what was set aside for checks, also by an executor before this one.
pub(crate) async fn restore(fresh: &Fresh, git: &Git) {
    for level in [Level::Bare, Level::Caches] {
        if let Err(error) = fresh.put_back(level).await {
            tracing::error!(%error, "the agent's home could not be put back");
        }
    }
    if let Err(failure) = git.give_back().await {
        tracing::error!(failure.message, "the agent's repository could not be put back");
    }
}

/// What a check may take.
fn time_limit(check: &Check) -> Duration {
    Duration::from_secs(check.timeout_seconds.unwrap_or(TIMEOUT).min(LONGEST_TIMEOUT))
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
) -> io::Result<(tokio::process::Child, pipe::Receiver)> {
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
