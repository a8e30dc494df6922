//! The verdict on a check: what its end and its output mean.

use std::{io, process::ExitStatus, time::Duration};

use api::{
    event::{CheckRun, Verdict},
    task::Check,
};
use regex::Regex;

use super::vacuous;

/// The verdict, its words, and the exit code.
pub(super) type Judged = (Verdict, String, Option<i32>);

/// How a command ended.
pub(super) enum Ended {
    Exited(ExitStatus),
    TimedOut,
    /// Its files take too much: the sentence.
    DiskFull(String),
    NotStarted(io::Error),
}

/// The verdict on a check that could not be run.
pub(super) fn refused(why: &io::Error) -> Judged {
    (Verdict::Failed, format!("could not be run: {why}"), None)
}

/// The verdict on one that was run.
pub(super) fn judge(
    check: &Check,
    ended: &Ended,
    output: &str,
    expect: Option<&Regex>,
    timeout: Duration,
) -> Judged {
    let status = match ended {
        Ended::DiskFull(why) => return (Verdict::Failed, why.clone(), None),
        Ended::NotStarted(error) => return refused(error),
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
