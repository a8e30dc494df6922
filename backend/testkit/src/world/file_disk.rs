//! A small disk that is a file, and so no part of anybody's memory.

use std::{fs::File, path::Path, process::Command};

use tempfile::TempDir;

/// A file with a file system, mounted in a temporary folder until it is dropped. Mounting needs root, which CI has.
pub struct FileDisk {
    folder: TempDir,
}

impl FileDisk {
    /// An empty disk of so many MiB.
    pub fn new(mib: u64) -> Self {
        let folder = TempDir::new().expect("a folder");
        let image = folder.path().with_extension("disk");
        File::create(&image).and_then(|file| file.set_len(mib << 20)).expect("a file");
        let run = |command: &mut Command| {
            let done = command.status().expect("it starts");
            assert!(done.success(), "{command:?}: this test mounts a disk, so it must run as root");
        };
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&image));
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(folder.path()));
        // What is mounted keeps it until then.
        std::fs::remove_file(&image).expect("it is there");
        Self { folder }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for FileDisk {
    fn drop(&mut self) {
        // Lazily: what still has a file open lets go in its own time.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
