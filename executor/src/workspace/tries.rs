//! A transfer that broke is repeated: a remote that is busy, restarts or hangs up is often back soon.
//!
//! Both directions may be repeated: a fetch takes what is missing, and a push that arrived before its answer was
//! lost has nothing left to send.

use std::{thread, time::Duration};

use api::executor::{GIT_PATIENCE, GitFailure, Pauses, Told};

use super::report::Report;
use crate::git::Answer;

/// From this pause on people are told.
const TOLD: Duration = Duration::from_secs(1);
/// How often a pause shows that the worker is alive.
const BEAT: Duration = Duration::from_millis(500);

/// Does a transfer until it succeeds, fails for good, or has been waited for long enough.
///
/// # Errors
/// How the last try failed.
pub(super) fn patiently<T>(
    report: &Report,
    mut transfer: impl FnMut() -> Result<T, Told>,
) -> Result<T, GitFailure> {
    let (mut pauses, mut noticed) = (Pauses::default(), false);
    loop {
        let told = match transfer() {
            Ok(done) => return Ok(done),
            Err(told) => told,
        };
        let why = told.failure.message.clone();
        let pause = pauses.after(told)?;
        if TOLD <= pause && !noticed {
            noticed = true;
            report.notice(format!("{why}. It is tried again for up to {} s.", GIT_PATIENCE.as_secs()));
        }
        wait(report, pause);
        let done = |time: Duration| usize::try_from(time.as_millis()).unwrap_or_default();
        report.progress("waiting for the git server", done(pauses.waited()), done(GIT_PATIENCE), 0);
    }
}

#[expect(clippy::disallowed_methods, reason = "the worker has one thread and nothing else to do")]
fn wait(report: &Report, pause: Duration) {
    let mut left = pause;
    while !left.is_zero() {
        let beat = left.min(BEAT);
        thread::sleep(beat);
        report.say(&Answer::Alive);
        left -= beat;
    }
}

#[cfg(test)]
mod tests {
    use api::executor::GitFailureCode;

    use super::*;

    #[test]
    fn only_a_broken_transfer_is_repeated() {
        let report = Report::default();
        for (code, tries) in [(GitFailureCode::Interrupted, 3), (GitFailureCode::Rejected, 1)] {
            let mut left = tries;
            let failed = || GitFailure { code, message: "why".to_owned() };
            let done = patiently(&report, || {
                left -= 1;
                if left == 0 && code == GitFailureCode::Interrupted { Ok(()) } else { Err(failed().into()) }
            });
            assert_eq!((done.is_ok(), left), (code == GitFailureCode::Interrupted, 0));
        }
    }
}
