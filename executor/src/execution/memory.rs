//! How many processes the kernel has killed in this container because its memory was used up.

/// Where the container's own control group tells: version 1, then version 2.
const FILES: [&str; 2] = ["/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"];

/// The count since the container began; 0 where it cannot be read.
pub(super) fn kills() -> u64 {
    let read = |file| count(&std::fs::read_to_string(file).ok()?);
    FILES.into_iter().find_map(read).unwrap_or_default()
}

/// Both versions have a line `oom_kill N` among others.
fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_read() {
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3));
        assert_eq!(count("low 0\nhigh 0\nmax 17\noom 2\noom_kill 1\noom_group_kill 0\n"), Some(1));
        // Before Linux 4.13 version 1 did not count.
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\n"), None);
    }
}
