//! The way to the writer: bounded by count and by bytes, so that senders wait when the database is slow.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::change::Change;
use crate::store::{Error, RunWrite, Written};

/// How many writes may wait before their senders wait too.
const WRITES: usize = 1024;
/// How much may wait, in units. A write that is larger than everything waits until it is alone.
const UNITS: u32 = 32 << 10;
/// The unit of a write's weight, in bytes: 32 MiB may wait in all.
const UNIT: usize = 1024;

/// A write and who waits for it.
pub(in crate::store) struct Job {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<Written, Error>>,
    /// Its place in the queue, given back when it is done.
    pub(super) weight: OwnedSemaphorePermit,
}

/// The writer's end.
pub(in crate::store) type Jobs = mpsc::Receiver<Job>;

/// Everyone else's end. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Queue {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
}

/// Both ends.
pub(in crate::store) fn queue() -> (Queue, Jobs) {
    let (sender, jobs) = mpsc::channel(WRITES);
    (Queue { jobs: sender, room: Arc::new(Semaphore::new(UNITS as usize)) }, jobs)
}

impl Queue {
    /// Hands a write over and waits until it is committed or refused.
    pub(in crate::store) async fn write(&self, write: RunWrite) -> Result<Written, Error> {
        let change = Change::try_from(write)?;
        let units = u32::try_from(change.bytes() / UNIT + 1).unwrap_or(UNITS).min(UNITS);
        let room = Arc::clone(&self.room);
        let weight = room.acquire_many_owned(units).await.map_err(|_| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { change, reply, weight }).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}
