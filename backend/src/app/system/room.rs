//! Room on the disk of the embedded database: while little is left, long logs do not grow, so that short ones can.

use std::path::{Path, PathBuf};

use tokio::sync::watch::{Receiver, Sender};

use super::disk::{self, Disk};
use crate::{config::Config, store::Store};

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
    /// At least this, in bytes, also on a small disk: writes that are under way do not depend on its size.
    least: u64,
    /// But that minimum takes at most one of so many parts of the disk.
    most_part: u64,
    /// No more than this on any disk, in bytes.
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
        /// The longest of those, in bytes. Together those of all slots fill at most half of the space between the
        /// two floors.
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

/// The room for logs on the disk of the embedded database. Drivers look before they store, for runs together fill a
/// small disk within a second.
#[derive(Debug)]
pub(crate) struct LogRoom {
    /// The database's folder and its journal. `None` on PostgreSQL: the disk of another server cannot be watched.
    files: Option<(PathBuf, PathBuf)>,
    slots: u64,
    newest: Sender<Room>,
}

impl LogRoom {
    /// The room for this server's database.
    pub(crate) fn new(config: &Config) -> Self {
        let file = Store::file_of(config.storage.database_url.expose());
        let files = file.map(|file| {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or_else(|| Path::new(".")).to_owned();
            let mut journal = file.into_os_string();
            journal.push("-wal");
            (folder, journal.into())
        });
        Self { files, slots: config.runs.slots.into(), newest: Sender::default() }
    }

    /// How much room there is now. Notifies the subscribers when it has changed. Two system calls.
    pub(crate) fn look(&self) -> Room {
        let found = self.measure().unwrap_or_default();
        self.newest.send_if_modified(|room| {
            let is_new = *room != found;
            if is_new {
                tracing::warn!(room = ?found, "the room on the database's disk has changed");
            }
            *room = found;
            is_new
        });
        found
    }

    /// Notified when the room has changed.
    pub(crate) fn subscribe(&self) -> Receiver<Room> {
        self.newest.subscribe()
    }

    fn measure(&self) -> Option<Room> {
        let (folder, journal) = self.files.as_ref()?;
        let mut disk = disk::of(folder)?;
        // The database still grows by what is in the journal.
        let journal = journal.metadata().map_or(0, |journal| journal.len());
        disk.free = disk.free.saturating_sub(journal.min(disk.total / 8));
        Some(Room::on(disk, self.slots))
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
