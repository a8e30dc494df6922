//! Room on the disk of the embedded database: while little is left, long logs do not grow, so that short ones can.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::disk::{self, Disk};
use crate::app::App;

/// Between two looks at the disk.
const LOOK: Duration = Duration::from_secs(2);
/// How much must be free, else long logs wait: a twentieth.
const LOW: Floor = Floor { part: 20, least: 256 << 20, most_part: 4, enough: 10 << 30 };
/// How much must be free, else all logs wait: a fiftieth.
const LAST: Floor = Floor { part: 50, least: 96 << 20, most_part: 10, enough: 4 << 30 };
/// A log is long when it has more bytes than this, also where there is room for longer ones.
const LONG: u64 = 8 << 20;

/// How much of a disk must be free.
struct Floor {
    /// One of so many parts of the disk.
    part: u64,
    /// But not less than this, in bytes: what is under way when the disk is looked at is a matter of all runs, not of
    /// the disk's size.
    least: u64,
    /// Which in turn is at most one of so many parts of the disk.
    most_part: u64,
    /// What is enough on any disk, in bytes.
    enough: u64,
}

impl Floor {
    fn on(&self, total: u64) -> u64 {
        (total / self.part).max(self.least.min(total / self.most_part)).min(self.enough)
    }
}

/// How much room is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    /// Enough.
    #[default]
    Enough,
    /// For short logs only.
    Little {
        /// The longest of those, in bytes: an equal part for each slot of half of what is left.
        short: u64,
    },
    /// For nothing but what the server itself has to say.
    None,
}

impl Room {
    /// Whether a log of so many bytes must not grow now.
    pub(crate) const fn holds(self, log: u64) -> bool {
        match self {
            Self::Enough => false,
            Self::Little { short } => short < log,
            Self::None => true,
        }
    }

    fn on(disk: Disk, slots: u64) -> Self {
        let (low, last) = (LOW.on(disk.total), LAST.on(disk.total));
        if disk.free < last {
            Self::None
        } else if disk.free < low {
            Self::Little { short: ((low - last) / 2 / slots.max(1)).min(LONG) }
        } else {
            Self::Enough
        }
    }
}

impl App {
    /// Looks how much room there is now, and tells the drivers when it has changed. Cheap: one system call.
    pub(crate) fn look_for_room(&self) -> Room {
        // A database elsewhere has a disk of its own, of which nothing is known here.
        if self.database_kind() != "SQLite" {
            return Room::Enough;
        }
        let slots = u64::from(self.config.runs.slots);
        let found = disk::of(&self.full_first()).map(|mut disk| {
            // What is in the journal has still to find its place in the database.
            disk.free = disk.free.saturating_sub(self.journal_bytes().min(disk.total / 8));
            Room::on(disk, slots)
        });
        let found = found.unwrap_or_default();
        self.room.send_if_modified(|room| {
            let changed = *room != found;
            if changed {
                tracing::warn!(room = ?found, "the room on the database's disk has changed");
            }
            *room = found;
            changed
        });
        found
    }
}

/// Looks at the disk until the process stops, so that those who wait go on. Who stores looks as well: runs together
/// fill a small disk between two looks.
pub(crate) async fn watch(app: App, stop: CancellationToken) {
    loop {
        app.look_for_room();
        if tokio::time::timeout(LOOK, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    fn room(free: u64, total: u64) -> Room {
        Room::on(Disk { free, total }, 40)
    }

    #[test]
    fn the_less_is_left_the_fewer_logs_grow() {
        let little = Room::Little { short: LONG };
        for (free, total, found) in [
            (50, 100, Room::Enough),
            (5, 100, Room::Enough),
            (4, 100, little),
            (2, 100, little),
            (1, 100, Room::None),
            (0, 100, Room::None),
            (11, 4_000, Room::Enough),
            (9, 4_000, little),
            (3, 4_000, Room::None),
        ] {
            assert_eq!(room(free * GIB, total * GIB), found, "{free} of {total}");
        }
        for (room, held) in
            [(Room::Enough, [false, false]), (little, [false, true]), (Room::None, [true, true])]
        {
            assert_eq!([LONG, LONG + 1].map(|log| room.holds(log)), held, "{room:?}");
        }
    }

    #[test]
    fn on_a_small_disk_more_is_left_and_the_short_logs_of_all_slots_fit() {
        let total = 1024 * MIB;
        assert_eq!(room(256 * MIB, total), Room::Enough);
        let Room::Little { short } = room(255 * MIB, total) else { panic!("there is little") };
        assert!(MIB < short && 40 * short <= (255 - 96) * MIB, "{short}");
        assert_eq!(room(95 * MIB, total), Room::None);
        // A tiny one is used as well.
        assert_eq!(room(3 * MIB, 8 * MIB), Room::Enough);
        assert_eq!(room(MIB / 2, 8 * MIB), Room::None);
    }
}
