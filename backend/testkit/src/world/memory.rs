//! A limit of memory for one process, as the kernel keeps it: beyond it the process is killed.

use std::{fs, path::PathBuf};

use uuid::Uuid;

/// A control group of a test's own. Making one needs root, which CI has.
pub struct MemoryLimit {
    folder: PathBuf,
    /// The names of the second version of control groups, or of the first.
    second: bool,
}

impl MemoryLimit {
    /// A limit of so many bytes, swap included.
    pub fn new(bytes: u64) -> Self {
        let first = PathBuf::from("/sys/fs/cgroup/memory");
        let second = !first.is_dir();
        let parent = if second { PathBuf::from("/sys/fs/cgroup") } else { first };
        let limit = Self { folder: parent.join(format!("caisson-test-{}", Uuid::now_v7())), second };
        fs::create_dir(&limit.folder).expect("this test limits memory, so it must run as root");
        if second {
            // Where the parent does not pass memory on already.
            let _ = fs::write(parent.join("cgroup.subtree_control"), "+memory");
            limit.write("memory.max", bytes);
            let _ = fs::write(limit.folder.join("memory.swap.max"), "0");
        } else {
            limit.write("memory.limit_in_bytes", bytes);
        }
        limit
    }

    /// Puts a process under the limit.
    pub fn add(&self, process: u32) {
        self.write("cgroup.procs", process.into());
    }

    /// The memory that a process has by itself, in bytes. What the kernel keeps of its files comes on top, and goes when it
    /// is needed.
    pub fn used(process: u32) -> u64 {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
        let used = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"));
        used.and_then(|kib| kib.parse::<u64>().ok()).expect("a size") << 10
    }

    /// How many processes were killed for it.
    pub fn kills(&self) -> u64 {
        let file = if self.second { "memory.events" } else { "memory.oom_control" };
        let said = fs::read_to_string(self.folder.join(file)).expect("the group");
        let kills = said.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.and_then(|kills| kills.trim().parse().ok()).expect("a count")
    }

    fn write(&self, file: &str, value: u64) {
        let path = self.folder.join(file);
        fs::write(&path, value.to_string()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        // Empty as soon as its process is gone.
        let _ = fs::remove_dir(&self.folder);
    }
}
