//! How much room there is for what the tests build. A disk that runs full fails in the middle, in other words each time.

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// What a run from nothing writes, about, in bytes: programs, the image, databases.
const NEEDED: u64 = 16 << 30;

/// Says how much room there is, and whether that may be too little.
pub(crate) fn say(root: &Path) {
    // A disk that cannot be asked is tried.
    let Ok(disk) = statvfs(root) else { return };
    println!("{}", words(disk.blocks_available() * disk.fragment_size()));
}

fn words(free: u64) -> String {
    let gigabytes = |bytes: u64| bytes >> 30;
    let free_words = format!("disk: {} GiB free", gigabytes(free));
    if NEEDED <= free {
        return free_words;
    }
    format!(
        "{free_words}; a run from nothing takes up to {} GiB and may fail for want of room",
        gigabytes(NEEDED)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_may_be_too_small_is_told_as_that() {
        assert_eq!(words(NEEDED), "disk: 16 GiB free");
        assert_eq!(
            words(5 << 30),
            "disk: 5 GiB free; a run from nothing takes up to 16 GiB and may fail for want of room"
        );
    }
}
