//! An execution's clock: it stands still while the agent waits, for a person or for its output to be read.

use std::time::Duration;

use tokio::time::Instant;

/// Runs out after a time, not counting what it stood still.
pub(super) struct Clock {
    left: Duration,
    /// Since when it runs; `None` while it stands still.
    since: Option<Instant>,
}

impl Clock {
    /// A clock that runs from now on.
    pub(super) const fn new(left: Duration, now: Instant) -> Self {
        Self { left, since: Some(now) }
    }

    /// Lets it stand still, or go on.
    pub(super) fn halt(&mut self, halted: bool, now: Instant) {
        match (self.since, halted) {
            (Some(since), true) => {
                self.left = self.left.saturating_sub(now - since);
                self.since = None;
            }
            (None, false) => self.since = Some(now),
            (Some(_), false) | (None, true) => {}
        }
    }

    /// When it runs out; `None` while it stands still.
    pub(super) fn end(&self) -> Option<Instant> {
        Some(self.since? + self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_stood_still_does_not_count() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut clock = Clock::new(Duration::from_secs(10), start);
        assert_eq!(clock.end(), Some(at(10)));
        clock.halt(true, at(4));
        clock.halt(true, at(5));
        assert_eq!(clock.end(), None);
        clock.halt(false, at(3604));
        clock.halt(false, at(3605));
        assert_eq!(clock.end(), Some(at(3610)));
    }
}
