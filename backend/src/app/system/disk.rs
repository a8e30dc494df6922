//! How much room there is on the disk of the data folder.

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// A disk, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    /// What this user may still fill.
    pub(super) free: u64,
    /// All of it.
    pub(super) total: u64,
}

/// The disk that this folder is on; `None` when the system does not tell.
pub(super) fn of(folder: &Path) -> Option<Disk> {
    let found = statvfs(folder).ok()?;
    let size = found.fragment_size();
    Some(Disk {
        free: size.saturating_mul(found.blocks_available()),
        total: size.saturating_mul(found.blocks()),
    })
}
