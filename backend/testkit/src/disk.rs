//! A small disk of a test's own, which can be full and have room again.

use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A tmpfs, mounted in a temporary folder until it is dropped. Mounting needs root, which CI has.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// An empty disk of so many KiB.
    pub fn new(kib: u32) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k,mode=0755"), "caisson-test"])
            .arg(folder.path())
            .status()
            .expect("`mount` starts");
        assert!(mounted.success(), "this test mounts a tmpfs, so it must run as root");
        Self { folder }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::options().append(true).create(true).open(self.filler()).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            let piece = vec![b'x'; size];
            let full = loop {
                if let Err(error) = file.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
    }

    /// Makes room again.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: what still has a file open lets go in its own time.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
