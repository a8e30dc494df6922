//! A transfer that broke is repeated: a remote that is busy, restarts or hangs up is often back soon.
//!
//! Both directions may be repeated: a fetch takes what is missing, and a push that arrived before its answer was
//! lost has nothing left to send.

use std::{thread, time::Duration};

use api::executor::{GitFailure, GitFailureCode, Told};

use super::report::Report;
use crate::git::Answer;

/// How long one fetch or push is waited for, all pauses together.
const PATIENCE: Duration = Duration::from_secs(120);
/// Before the second try; twice as long before each further one.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause, unless the remote asks for a longer one.
const LONGEST: Duration = Duration::from_secs(15);
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
    let mut pauses = Pauses::default();
    loop {
        let Told { failure, retry_after } = match transfer() {
            Ok(done) => return Ok(done),
            Err(told) => told,
        };
        if failure.code != GitFailureCode::Interrupted {
            return Err(failure);
        }
        let Some(pause) = pauses.next(retry_after.map(Duration::from_secs)) else {
            return Err(pauses.given_up(failure, retry_after));
        };
        if TOLD <= pause && !std::mem::replace(&mut pauses.told, true) {
            let most = PATIENCE.as_secs();
            report.notice(format!("{}. It is tried again for up to {most} s.", failure.message));
        }
        wait(report, pause);
        let percent = |time: Duration| usize::try_from(time.as_millis()).unwrap_or_default();
        report.progress("waiting for the git server", percent(pauses.waited), percent(PATIENCE), 0);
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

/// How long to wait before which try.
#[derive(Default)]
struct Pauses {
    waited: Duration,
    tries: u32,
    told: bool,
}

impl Pauses {
    /// The next pause; `None` when the time is used up, or the remote asks for more than there is.
    fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let left = PATIENCE - self.waited;
        let pause = (FIRST * 2_u32.pow(self.tries.min(10))).min(LONGEST);
        let pause = pause.max(asked.unwrap_or_default());
        let pause = if asked.is_some() { pause } else { pause.min(left) };
        if left.is_zero() || left < pause {
            return None;
        }
        self.tries += 1;
        self.waited += pause;
        Some(pause)
    }

    fn given_up(&self, failure: GitFailure, asked: Option<u64>) -> GitFailure {
        let GitFailure { code, message } = failure;
        let why = match asked {
            Some(seconds) => format!("the server asks to wait {seconds} s"),
            None => format!("tried {} times in {} s", self.tries + 1, self.waited.as_secs()),
        };
        GitFailure { code, message: format!("{message} ({why}; given up)") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_two_minutes() {
        let mut pauses = Pauses::default();
        let all: Vec<Duration> = std::iter::from_fn(|| pauses.next(None)).collect();
        assert_eq!(all[..3], [200, 400, 800].map(Duration::from_millis));
        assert!(all.iter().all(|pause| *pause <= LONGEST));
        assert_eq!(all.iter().sum::<Duration>(), PATIENCE);
        assert!(10 < all.len());
    }

    #[test]
    fn a_remote_that_asks_for_time_gets_it_within_the_limit() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.next(Some(Duration::from_secs(90))), Some(Duration::from_secs(90)));
        assert_eq!(pauses.next(Some(Duration::from_secs(60))), None);
        assert_eq!(pauses.next(Some(Duration::ZERO)), Some(2 * FIRST));
    }

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
