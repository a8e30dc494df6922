//! The clock of a run: it stands still while the run waits for a person.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

/// Counts the time a run works. Cheap to clone; clones are the same clock.
#[derive(Clone)]
pub(super) struct Clock(watch::Sender<Hands>);

#[derive(Clone, Copy)]
struct Hands {
    /// What had passed when it was set going or stopped last.
    passed: Duration,
    /// Since when it goes; `None` while it stands.
    going: Option<Instant>,
}

impl Hands {
    fn passed(self) -> Duration {
        self.passed + self.going.map(|since| since.elapsed()).unwrap_or_default()
    }
}

impl Clock {
    /// A clock that goes, and has gone for so long.
    pub(super) fn new(passed: Duration) -> Self {
        Self(watch::Sender::new(Hands { passed, going: Some(Instant::now()) }))
    }

    /// How long it has gone.
    pub(super) fn passed(&self) -> Duration {
        self.0.borrow().passed()
    }

    /// Stops it; it may stand already.
    pub(super) fn stop(&self) {
        self.0.send_modify(|hands| *hands = Hands { passed: hands.passed(), going: None });
    }

    /// Sets it going; it may go already.
    pub(super) fn go(&self) {
        self.0.send_modify(|hands| {
            *hands = Hands { passed: hands.passed(), going: Some(Instant::now()) };
        });
    }

    /// Resolves when it has gone for so long.
    pub(super) async fn reaches(&self, limit: Duration) {
        let mut moved = self.0.subscribe();
        loop {
            let hands = *moved.borrow_and_update();
            let left = limit.saturating_sub(hands.passed());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left), if hands.going.is_some() => {}
                // It cannot close: `self` holds the other end.
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_counts_only_while_it_goes() {
        let clock = Clock::new(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(5)).await;
        clock.stop();
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert_eq!(clock.passed(), Duration::from_secs(15));
        clock.go();
        clock.go();
        let began = Instant::now();
        clock.reaches(Duration::from_secs(20)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        assert_eq!(clock.passed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_not_reached_while_it_stands() {
        let clock = Clock::new(Duration::ZERO);
        clock.stop();
        let limit = clock.reaches(Duration::from_secs(1));
        assert!(tokio::time::timeout(Duration::from_secs(3600), limit).await.is_err());
        clock.go();
        clock.reaches(Duration::from_secs(1)).await;
    }
}
