//! How often a transfer that broke is done again: a lost link, or a remote that hung up, may be back at once.

use std::time::Duration;

use api::executor::{GitFailure, GitFailureCode};

/// The most transfers for one clone or push.
const MOST: u32 = 5;
/// Before the second one; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// Counts the transfers of one clone or push. Both may be repeated: a clone begins from nothing, and a push
/// that arrived before its answer was lost has nothing left to send.
#[derive(Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Whether there is to be another one after this failure; waits for a moment before it says yes.
    pub(super) async fn another(&mut self, failure: &GitFailure) -> bool {
        if failure.code != GitFailureCode::Interrupted || MOST <= self.0 + 1 {
            return false;
        }
        tracing::info!(failure.message, "a transfer broke and is done again");
        tokio::time::sleep(PAUSE * 2_u32.pow(self.0)).await;
        self.0 += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::failed;

    #[tokio::test(start_paused = true)]
    async fn only_a_broken_transfer_is_done_again_and_not_for_ever() {
        let broken = GitFailure { code: GitFailureCode::Interrupted, message: "unexpected EOF".to_owned() };
        let mut tries = Tries::default();
        assert!(!tries.another(&failed("the disk is on fire".to_owned())).await);
        let mut transfers = 1;
        while tries.another(&broken).await {
            transfers += 1;
        }
        assert_eq!(transfers, MOST);
    }
}
