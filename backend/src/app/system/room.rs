//! Room on the disk of the embedded database: while little is left, long logs do not grow, so that short ones can.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::disk::{self, Disk};
use crate::app::App;

/// Between two looks at the disk.
const LOOK: Duration = Duration::from_secs(2);
/// The parts of the disk below which long logs wait, and all of them; and what is enough on any disk, in bytes.
const LOW: (u64, u64) = (20, 10 << 30);
const LAST: (u64, u64) = (50, 4 << 30);
/// A log is long when it has more than this, in bytes.
const LONG: u64 = 8 << 20;

/// How much room is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    /// Enough.
    #[default]
    Enough,
    /// For short logs only.
    Little,
    /// For nothing but what the server itself has to say.
    None,
}

impl Room {
    /// Whether a log of so many bytes must not grow now.
    pub(crate) const fn holds(self, log: u64) -> bool {
        match self {
            Self::Enough => false,
            Self::Little => LONG < log,
            Self::None => true,
        }
    }

    fn on(disk: Disk) -> Self {
        let below = |(part, enough): (u64, u64)| disk.free < (disk.total / part).min(enough);
        match (below(LAST), below(LOW)) {
            (true, _) => Self::None,
            (false, true) => Self::Little,
            (false, false) => Self::Enough,
        }
    }
}

/// Looks at the disk until the process stops.
pub(crate) async fn watch(app: App, stop: CancellationToken) {
    // A database elsewhere has a disk of its own, of which nothing is known here.
    if app.database_kind() != "SQLite" {
        return;
    }
    loop {
        let found = disk::of(&app.full_first()).map(Room::on).unwrap_or_default();
        app.room.send_if_modified(|room| {
            let changed = *room != found;
            if changed {
                tracing::warn!(room = ?found, "the room on the database's disk has changed");
            }
            *room = found;
            changed
        });
        if tokio::time::timeout(LOOK, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_less_is_left_the_fewer_logs_grow() {
        const GIB: u64 = 1 << 30;
        for (free, total, room) in [
            (50, 100, Room::Enough),
            (5, 100, Room::Enough),
            (4, 100, Room::Little),
            (2, 100, Room::Little),
            (1, 100, Room::None),
            (0, 100, Room::None),
            (11, 4_000, Room::Enough),
            (9, 4_000, Room::Little),
            (3, 4_000, Room::None),
        ] {
            assert_eq!(Room::on(Disk { free: free * GIB, total: total * GIB }), room, "{free} of {total}");
        }
        for (room, held) in
            [(Room::Enough, [false, false]), (Room::Little, [false, true]), (Room::None, [true, true])]
        {
            assert_eq!([LONG, LONG + 1].map(|log| room.holds(log)), held, "{room:?}");
        }
    }
}
