//! Calls that cost nothing, so no budget bounds them: counting tokens, and the list of models. They spend what all
//! runs share, the operator's rate at the model's server, so each run has its own small part.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use axum::http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::broker::refusal::Refusal;

/// How many may be made after a pause.
const BURST: f64 = 60.0;
/// How many more there are a second.
const PER_SECOND: f64 = 1.0;
/// How many may be on their way at a time; the others wait.
const AT_ONCE: usize = 4;

/// What one run has left of them.
pub(super) struct Unpriced {
    left: Mutex<(f64, Instant)>,
    places: Semaphore,
}

impl Unpriced {
    pub(super) fn new() -> Self {
        Self { left: Mutex::new((BURST, Instant::now())), places: Semaphore::new(AT_ONCE) }
    }

    /// A place for one of them, as soon as there is one.
    pub(super) async fn begin(&self) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        self.take(Instant::now())?;
        Ok(self.places.acquire().await.ok())
    }

    fn take(&self, now: Instant) -> Result<(), Refusal> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (had, since) = *left;
        let has = BURST.min(had + now.duration_since(since).as_secs_f64() * PER_SECOND);
        let enough = 1.0 <= has;
        *left = (if enough { has - 1.0 } else { has }, now);
        if enough {
            return Ok(());
        }
        let why = "Caisson lets a run count tokens and list models once a second in the long run: wait, and try again";
        Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, why))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_run_has_a_burst_and_then_one_a_second() {
        let (unpriced, start) = (Unpriced::new(), Instant::now());
        let taken = |at: u64, tries: usize| {
            (0..tries).filter(|_| unpriced.take(start + Duration::from_secs(at)).is_ok()).count()
        };
        assert_eq!(taken(0, 200), 60);
        assert_eq!(taken(10, 200), 10);
        assert_eq!(taken(1_000_000, 200), 60);
        let refused = unpriced.take(start).unwrap_err();
        assert_eq!(refused.kind, "rate_limit_error");
    }
}
