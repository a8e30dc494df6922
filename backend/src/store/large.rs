//! Long texts on their way to readers: each is in memory once, whoever reads it, and all of them together take
//! no more than there is room for. Whoever finds no room waits; nobody waits while holding another one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use api::id::RunId;
use tokio::sync::{Mutex as Turn, MutexGuard as Taken, OwnedSemaphorePermit, Semaphore};

use super::{Error, events::StoredEvent};

/// An event with a longer text is read alone and shared, in bytes.
pub(super) const LARGE: usize = 64 << 10;
/// Longer ones are read one after the other, in bytes: while it is read, a text is in memory several times.
const ALONE: usize = 1 << 20;
/// How much of them may be in memory, in units: 128 MiB. One that is longer than that is there alone.
const UNITS: u32 = 128 << 10;
/// The unit, in bytes.
const UNIT: usize = 1024;

/// A part of the room, until this is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

/// All long texts that somebody reads just now.
pub(super) struct Large {
    known: Mutex<HashMap<(RunId, i64), Weak<StoredEvent>>>,
    room: Arc<Semaphore>,
    turn: Turn<()>,
}

impl Default for Large {
    fn default() -> Self {
        Self { known: Mutex::default(), room: Arc::new(Semaphore::new(UNITS as usize)), turn: Turn::new(()) }
    }
}

impl Large {
    /// The event of this number, from whoever has it, or read when there is room for so many bytes.
    pub(super) async fn event(
        &self,
        run: RunId,
        seq: i64,
        bytes: usize,
        read: impl AsyncFnOnce(Place) -> Result<Option<StoredEvent>, Error>,
    ) -> Result<Option<Arc<StoredEvent>>, Error> {
        if let Some(event) = self.known(run, seq) {
            return Ok(Some(event));
        }
        let _turn = match ALONE < bytes {
            true => Some(self.turn.lock().await),
            false => None,
        };
        // It may have been read while this one waited for its turn.
        if let Some(event) = self.known(run, seq) {
            return Ok(Some(event));
        }
        let place = self.place(bytes).await?;
        let event = read(place).await?.map(Arc::new);
        if let Some(event) = &event {
            let mut known = self.lock();
            known.retain(|_, event| 0 < event.strong_count());
            known.insert((run, seq), Arc::downgrade(event));
        }
        Ok(event)
    }

    /// Room for so many bytes.
    pub(super) async fn place(&self, bytes: usize) -> Result<Place, Error> {
        let units = u32::try_from(bytes / UNIT + 1).unwrap_or(UNITS).min(UNITS);
        Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| Error::Closed)
    }

    /// A turn for work that needs a long text several times in memory.
    pub(super) async fn turn(&self) -> Taken<'_, ()> {
        self.turn.lock().await
    }

    fn known(&self, run: RunId, seq: i64) -> Option<Arc<StoredEvent>> {
        self.lock().get(&(run, seq)).and_then(Weak::upgrade)
    }

    /// A panic while it is locked leaves the map whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<(RunId, i64), Weak<StoredEvent>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const RUN: RunId = RunId(uuid::Uuid::nil());

    async fn read(large: &Large, seq: i64, bytes: usize) -> Arc<StoredEvent> {
        let read = async |place| {
            let event: StoredEvent = format!(r#"{seq} 0 1 notice {{"about":"test","text":"x"}}"#).parse()?;
            Ok(Some(event.with_place(place)))
        };
        large.event(RUN, seq, bytes, read).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn one_text_is_shared_by_all_who_read_it() {
        let large = Large::default();
        let (one, other) = (read(&large, 1, 2 << 20).await, read(&large, 1, 2 << 20).await);
        assert!(Arc::ptr_eq(&one, &other));
        assert!(!Arc::ptr_eq(&one, &read(&large, 2, 2 << 20).await));
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_until_there_is_some() {
        let large = Large::default();
        let held = read(&large, 1, 100 << 20).await;
        assert!(read(&large, 2, 100 << 20).now_or_never().is_none(), "there is no room for two of them");
        assert!(read(&large, 3, 1 << 20).now_or_never().is_some(), "there is for a short one");
        drop(held);
        assert!(read(&large, 2, 100 << 20).now_or_never().is_some());
        assert!(read(&large, 4, usize::MAX).now_or_never().is_some(), "one that is longer comes alone");
    }
}
