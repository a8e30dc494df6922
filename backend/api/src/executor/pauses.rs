//! How long to wait before a git server that is in trouble is asked again. Pure.

use std::time::Duration;

use super::{GitFailure, Told};

/// All pauses together.
pub const GIT_PATIENCE: Duration = Duration::from_secs(120);
/// Before the second try; twice as long before each further one.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause, unless the server asks for a longer one.
const LONGEST: Duration = Duration::from_secs(15);

/// The pauses of one fetch, push or question.
#[derive(Debug, Default)]
pub struct Pauses {
    waited: Duration,
    tries: u32,
}

impl Pauses {
    /// How long to wait after this failure.
    ///
    /// # Errors
    /// The failure to report: it is one that no repetition helps, the time is used up, or the server asks for more
    /// than there is.
    pub fn after(&mut self, told: Told) -> Result<Duration, GitFailure> {
        let Told { failure, retry_after } = told;
        if !failure.is_short() {
            return Err(failure);
        }
        let left = GIT_PATIENCE - self.waited;
        let pause = (FIRST * 2_u32.pow(self.tries.min(10))).min(LONGEST).min(left);
        let pause = pause.max(Duration::from_secs(retry_after.unwrap_or_default()));
        if pause.is_zero() || left < pause {
            let why = match retry_after {
                Some(seconds) if left < pause => format!("the server asks to wait {seconds} s"),
                _ => format!("tried {} times in {} s", self.tries + 1, self.waited.as_secs()),
            };
            let GitFailure { code, message } = failure;
            return Err(GitFailure { code, message: format!("{message} ({why}; given up)") });
        }
        self.tries += 1;
        self.waited += pause;
        Ok(pause)
    }

    /// How long it was waited so far.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::GitFailureCode;

    fn failed(code: GitFailureCode, retry_after: Option<u64>) -> Told {
        Told { failure: GitFailure { code, message: "busy".to_owned() }, retry_after }
    }

    #[test]
    fn pauses_grow_and_end_after_two_minutes() {
        let mut pauses = Pauses::default();
        let mut all = Vec::new();
        let given_up = loop {
            match pauses.after(failed(GitFailureCode::Interrupted, None)) {
                Ok(pause) => all.push(pause),
                Err(failure) => break failure,
            }
        };
        assert_eq!(all[..3], [200, 400, 800].map(Duration::from_millis));
        assert!(10 < all.len() && all.iter().all(|pause| *pause <= LONGEST));
        assert_eq!(all.iter().sum::<Duration>(), GIT_PATIENCE);
        assert_eq!(given_up.message, format!("busy (tried {} times in 120 s; given up)", all.len() + 1));
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_within_the_limit() {
        let mut pauses = Pauses::default();
        let busy = |seconds| failed(GitFailureCode::Interrupted, Some(seconds));
        assert_eq!(pauses.after(busy(90)), Ok(Duration::from_secs(90)));
        let given_up = pauses.after(busy(60)).unwrap_err();
        assert_eq!(given_up.message, "busy (the server asks to wait 60 s; given up)");
        assert_eq!(pauses.after(busy(0)), Ok(2 * FIRST));
    }

    #[test]
    fn what_is_refused_is_not_repeated() {
        for code in [GitFailureCode::Rejected, GitFailureCode::AuthRequired, GitFailureCode::NotFound] {
            let told = failed(code, Some(1));
            assert_eq!(Pauses::default().after(told.clone()), Err(told.failure));
        }
    }
}
