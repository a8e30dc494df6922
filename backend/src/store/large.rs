//! Long texts on their way to readers: each is read once for all who want it at the same time, and all of them
//! together take no more than there is room for. Whoever finds no room waits.
//!
//! What is waited for has an order, so that nobody waits in a circle: the event, then room, then the turn. Whoever has
//! room may wait for the turn; whoever has the turn waits for the database alone. Drivers take none of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use api::id::RunId;
use tokio::sync::{Mutex as Turn, MutexGuard as Taken};

use super::{Error, events::StoredEvent};
use crate::room::{Place, Room};

/// An event with a longer text is read alone and shared, in bytes.
pub(super) const LARGE: usize = 64 << 10;
/// Longer ones are read one after the other, in bytes: while it is read, a text is in memory several times.
const ALONE: usize = 1 << 20;
/// How much of them may be in memory, in bytes. One that is longer than that is there alone.
const ROOM: usize = 64 << 20;

/// One event, as long as somebody holds it. Who wants it waits for whoever reads it just now.
type Shared = Turn<Weak<StoredEvent>>;

/// All long texts that somebody reads just now.
pub(super) struct Large {
    known: Mutex<HashMap<(RunId, i64), Arc<Shared>>>,
    room: Room,
    turn: Turn<()>,
}

impl Default for Large {
    fn default() -> Self {
        Self { known: Mutex::default(), room: Room::of(ROOM), turn: Turn::new(()) }
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
        let shared = self.shared(run, seq);
        let mut known = shared.lock().await;
        if let Some(event) = known.upgrade() {
            return Ok(Some(event));
        }
        let place = self.place(bytes).await?;
        let _turn = match ALONE < bytes {
            true => Some(self.turn().await),
            false => None,
        };
        let event = read(place).await?.map(Arc::new);
        if let Some(event) = &event {
            *known = Arc::downgrade(event);
        }
        Ok(event)
    }

    /// Room for so many bytes.
    pub(super) async fn place(&self, bytes: usize) -> Result<Place, Error> {
        self.room.place(bytes).await.ok_or(Error::Closed)
    }

    /// A turn for work that needs a long text several times in memory. Nobody who has it may wait for room.
    pub(super) async fn turn(&self) -> Taken<'_, ()> {
        self.turn.lock().await
    }

    fn shared(&self, run: RunId, seq: i64) -> Arc<Shared> {
        let mut known = self.lock();
        known.retain(|_, shared| is_used(shared));
        Arc::clone(known.entry((run, seq)).or_default())
    }

    /// A panic while it is locked leaves the map whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<(RunId, i64), Arc<Shared>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody holds this event, reads it or waits for it.
fn is_used(shared: &Arc<Shared>) -> bool {
    1 < Arc::strong_count(shared) || shared.try_lock().is_ok_and(|event| 0 < event.strong_count())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::{FutureExt, future::join_all};

    use super::*;

    const RUN: RunId = RunId(uuid::Uuid::nil());

    fn event(seq: i64, place: Place) -> Result<Option<StoredEvent>, Error> {
        let event: StoredEvent = format!(r#"{seq} 0 1 notice {{"about":"test","text":"x"}}"#).parse()?;
        Ok(Some(event.with_place(place)))
    }

    async fn read(large: &Large, seq: i64, bytes: usize) -> Arc<StoredEvent> {
        large.event(RUN, seq, bytes, async |place| event(seq, place)).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn one_text_is_shared_by_all_who_read_it() {
        let large = Large::default();
        let (one, other) = (read(&large, 1, 2 << 20).await, read(&large, 1, 2 << 20).await);
        assert!(Arc::ptr_eq(&one, &other));
        assert!(!Arc::ptr_eq(&one, &read(&large, 2, 2 << 20).await));
        drop((one, other));
        drop(read(&large, 3, 2 << 20).await);
        assert!(large.lock().len() <= 1, "what nobody holds is forgotten");
    }

    #[tokio::test]
    async fn a_text_of_any_length_is_read_once_however_many_want_it() {
        for bytes in [LARGE + 1, 200 << 10, ALONE + 1] {
            let (large, reads) = (Large::default(), AtomicUsize::new(0));
            let follow = || {
                large.event(RUN, 1, bytes, async |place| {
                    reads.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    event(1, place)
                })
            };
            let followers = join_all((0..1_000).map(|_| follow())).await;
            assert!(followers.iter().all(Result::is_ok));
            assert_eq!(reads.load(Ordering::SeqCst), 1, "{bytes} bytes");
        }
    }

    #[tokio::test]
    async fn a_text_whose_reader_gave_up_is_read_by_the_next() {
        let large = Large::default();
        let never = large.event(RUN, 1, 2 << 20, async |_place| std::future::pending().await);
        assert!(never.now_or_never().is_none());
        assert!(read(&large, 1, 2 << 20).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_until_there_is_some() {
        let large = Large::default();
        let held = read(&large, 1, 50 << 20).await;
        assert!(read(&large, 2, 50 << 20).now_or_never().is_none(), "there is no room for two of them");
        assert!(read(&large, 3, 1 << 20).now_or_never().is_some(), "there is for a short one");
        drop(held);
        assert!(read(&large, 2, 50 << 20).now_or_never().is_some());
        assert!(read(&large, 4, usize::MAX).now_or_never().is_some(), "one that is longer comes alone");
    }

    #[tokio::test]
    async fn who_waits_for_room_keeps_nobody_from_the_turn() {
        let large = Large::default();
        let held = read(&large, 1, 50 << 20).await;
        let mut waits = Box::pin(read(&large, 2, 50 << 20));
        assert!((&mut waits).now_or_never().is_none());
        assert!(held.is_wanted());
        assert!(large.turn().now_or_never().is_some(), "who holds a text can be done with it");
        drop(held);
        assert!(waits.now_or_never().is_some());
    }
}
