//! What `/proc` tells of a process: whose it is, whether it lives, how much it has worked.

use std::path::Path;

use nix::unistd::{Pid, User};

/// The unit of times in `/proc`; it is 100 on every Linux, whatever the kernel's own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Whether the process has this variable; a dead one has none.
pub(super) fn carries(process: &Path, marker: &str) -> bool {
    let environment = std::fs::read(process.join("environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes())
}

/// Whether the process is of this user, given as a name or a number, and lives.
pub(super) fn belongs_to(process: &Path, user: &str) -> bool {
    let uid = user.parse().ok().or_else(|| Some(User::from_name(user).ok()??.uid.as_raw()));
    // Not the folder's owner: a process may hide its own.
    let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.split_whitespace().next())
    };
    let lives = !matches!(field("State:"), Some("Z" | "X") | None);
    lives && uid.is_some() && field("Uid:").and_then(|uid| uid.parse::<u32>().ok()) == uid
}

/// The processor time of the process and of its children that have ended, in seconds.
pub(super) fn cpu_seconds(pid: Pid) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    cpu_of(&stat)
}

/// Reads `/proc/PID/stat`; the program's name, in parentheses, may hold anything.
fn cpu_of(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    // utime, stime, cutime and cstime are the fields 14 to 17; the name is the second.
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(4).flat_map(str::parse).collect();
    (ticks.len() == 4).then(|| ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194560 5 6 7 8 150 50 25 75 20 0 1 0 100 200 300";
        assert_eq!(cpu_of(stat), Some(3.0));
        assert_eq!(cpu_of("12 (short) S 1"), None);
        assert!(cpu_seconds(Pid::this()).is_some());
    }
}
