//! The turn of long texts: while one comes from a container and is stored, or is read for readers, it is in memory
//! several times. So in the whole process one of them is at a time.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// From this length on a text needs the turn, in bytes.
pub(crate) const LONG: usize = 1 << 20;
/// How long it waits at most: another container may stand still in the middle of one, or the disk be full.
const PATIENCE: Duration = Duration::from_secs(30);

static TURN: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));

/// The turn, or that of a text that needs none or could not wait; until this is dropped.
#[derive(Debug, Default)]
pub struct Turn(Option<OwnedSemaphorePermit>);

impl Turn {
    /// Whether it is the turn.
    pub(crate) const fn is_taken(&self) -> bool {
        self.0.is_some()
    }

    /// Waits for it. Who has it may wait for the database, and for the place of a line, and for nothing else.
    pub(crate) async fn take() -> Self {
        let taken = tokio::time::timeout(PATIENCE, Arc::clone(&TURN).acquire_owned()).await;
        // It is never closed.
        Self(taken.ok().and_then(Result::ok))
    }
}
