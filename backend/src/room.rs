//! Room in memory for something long: who finds none waits, and who holds some hears that somebody waits.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit, in bytes.
const UNIT: usize = 1024;

/// Room for so many bytes. It is given in the order in which it is asked for.
pub(crate) struct Room {
    places: Arc<Semaphore>,
    units: u32,
    waiting: Arc<AtomicUsize>,
}

/// A part of the room, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    permit: OwnedSemaphorePermit,
    waiting: Arc<AtomicUsize>,
}

/// Counts one that waits, until this is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl Room {
    /// Room for so many bytes.
    pub(crate) fn of(bytes: usize) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX);
        Self { places: Arc::new(Semaphore::new(units as usize)), units, waiting: Arc::default() }
    }

    /// A place for so many bytes. What is longer than the whole room is there alone. `None` cannot happen: a room is
    /// never closed.
    pub(crate) async fn place(&self, bytes: usize) -> Option<Place> {
        let units = units(bytes).min(self.units);
        let permit = match Arc::clone(&self.places).try_acquire_many_owned(units) {
            Ok(permit) => permit,
            Err(_) => {
                let _waits = Waits::count(&self.waiting);
                Arc::clone(&self.places).acquire_many_owned(units).await.ok()?
            }
        };
        Some(Place { permit, waiting: Arc::clone(&self.waiting) })
    }
}

impl Place {
    /// Whether somebody waits for room.
    pub(crate) fn is_wanted(&self) -> bool {
        0 < self.waiting.load(Ordering::Relaxed)
    }

    /// Gives back what is not needed for so many bytes.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let spare = self.permit.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.permit.split(spare));
    }
}

impl<'a> Waits<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes / UNIT + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn who_finds_no_room_waits_and_who_holds_some_hears_of_it() {
        let room = Room::of(100 << 10);
        let mut held = room.place(90 << 10).now_or_never().flatten().expect("an empty room");
        assert!(!held.is_wanted());
        {
            let mut waits = Box::pin(room.place(50 << 10));
            assert!((&mut waits).now_or_never().is_none());
            assert!(held.is_wanted());
            held.shrink(10 << 10);
            assert!(waits.now_or_never().flatten().is_some(), "what is given back is room");
        }
        assert!(!held.is_wanted(), "nobody waits any more");
        drop(room.place(usize::MAX).now_or_never());
        assert!(!held.is_wanted(), "who gave up does not wait");
        drop(held);
        assert!(room.place(usize::MAX).now_or_never().flatten().is_some(), "it is there alone");
    }
}
