//! The worker's side: counts the blocks of the agent's own files, and the files.

use std::{
    collections::BTreeSet,
    fs::{File, Metadata, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{fcntl::OFlag, unistd::getuid};
use serde::{Deserialize, Serialize};

use super::FILE;

/// How long it counts before it gives up.
const TIME: Duration = Duration::from_secs(30);
/// How deep it goes: each folder on the way is held open, since paths have an end.
const DEPTH: u32 = 200;
/// How many files with several names it can tell apart.
const LINKED: usize = 200_000;
/// The unit of `st_blocks` everywhere.
const BLOCK: u64 = 512;

/// Where to count.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Places(pub(super) Vec<PathBuf>);

/// What was found.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    /// What the files take.
    pub(super) bytes: u64,
    /// Whether everything could be seen.
    pub(super) complete: bool,
}

struct Walk {
    uid: u32,
    end: Instant,
    /// The file systems of the places.
    devices: BTreeSet<u64>,
    seen: BTreeSet<(u64, u64)>,
    count: Count,
}

/// Counts the files of this user in these places, those included that are open and have no name any more.
pub(crate) fn count(places: Places) -> Count {
    let count = Count { bytes: 0, complete: true };
    let uid = getuid().as_raw();
    let (devices, seen) = (BTreeSet::new(), BTreeSet::new());
    let mut walk = Walk { uid, end: Instant::now() + TIME, devices, seen, count };
    for place in places.0 {
        let done = File::open(&place).and_then(|folder| {
            let device = folder.metadata()?.dev();
            walk.devices.insert(device);
            walk.folder(&folder, device, 0)
        });
        walk.count.complete &= is_done(&done);
    }
    walk.nameless();
    walk.count
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// What has gone meanwhile is no loss.
fn is_done(done: &io::Result<()>) -> bool {
    done.as_ref().err().is_none_or(|error| error.kind() == io::ErrorKind::NotFound)
}

/// What is open in this process, by a path that is always short.
fn inside(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

impl Walk {
    fn folder(&mut self, folder: &File, device: u64, depth: u32) -> io::Result<()> {
        if DEPTH < depth || self.end < Instant::now() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let here = inside(folder);
        for entry in std::fs::read_dir(&here)? {
            let entry = entry?;
            let Ok(file) = entry.metadata() else { continue };
            if file.dev() != device {
                continue;
            }
            self.add(&file);
            if file.is_dir() {
                let done = open(&here.join(entry.file_name()));
                let done = done.and_then(|inner| self.folder(&inner, device, depth + 1));
                // Into other users' folders it can put nothing, unless they are open to all.
                let may_hide = file.uid() == self.uid || file.mode() & 0o002 != 0;
                self.count.complete &= is_done(&done) || !may_hide;
            }
        }
        Ok(())
    }

    fn add(&mut self, file: &Metadata) {
        let alone = file.is_dir() || file.nlink() == 1 || LINKED <= self.seen.len();
        if file.uid() == self.uid && (alone || self.seen.insert((file.dev(), file.ino()))) {
            let bytes = file.blocks().saturating_mul(BLOCK).saturating_add(FILE);
            self.count.bytes = self.count.bytes.saturating_add(bytes);
        }
    }

    /// Files that were removed while a process of this user has them open still take their place.
    fn nameless(&mut self) {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        for process in processes.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok()) {
            for open in std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
                if let Ok(file) = std::fs::metadata(open.path())
                    && file.is_file()
                    && self.devices.contains(&file.dev())
                    && file.nlink() == 0
                {
                    self.add(&file);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    fn counted(folder: &Path) -> u64 {
        let count = count(Places(vec![folder.to_owned()]));
        assert!(count.complete);
        count.bytes
    }

    #[test]
    fn blocks_are_counted_once_at_any_depth_and_holes_and_links_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let before = counted(folder.path());
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::write(at("a/b/c/file"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(at("a/b/c/file"), at("again")).unwrap();
        std::os::unix::fs::symlink("/usr", at("way")).unwrap();
        File::create(at("hole")).unwrap().set_len(1 << 40).unwrap();
        File::open(at("again")).unwrap().sync_all().unwrap();
        let grown = counted(folder.path()) - before;
        assert!((1 << 20..2 << 20).contains(&grown), "{grown}");
    }

    #[test]
    fn a_file_without_a_name_counts_while_it_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let before = counted(folder.path());
        let mut file = File::create(folder.path().join("file")).unwrap();
        file.write_all(&vec![1; 64 << 20]).unwrap();
        file.sync_all().unwrap();
        fs::remove_file(folder.path().join("file")).unwrap();
        assert!(before + (48 << 20) < counted(folder.path()));
    }

    #[test]
    fn what_is_too_deep_to_see_makes_the_count_incomplete() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(vec!["d"; 300].join("/"))).unwrap();
        assert!(!count(Places(vec![folder.path().to_owned()])).complete);
    }
}
