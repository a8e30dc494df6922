//! The worker's side: which process of the agent has the socket with this local port.
//!
//! The kernel tells the sockets of the container in `/proc/net`, and whose they are in `/proc/PID/fd`, which
//! only the agent's own uid may read.

use std::{collections::BTreeSet, fs, path::Path};

use nix::unistd::getuid;

use super::table::{PROCESS, printable};

/// The tables of the kernel; UDP for the DNS.
const TABLES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];

/// The process's name and command line, if it is still there.
pub(crate) fn owner_of(port: u16) -> Option<String> {
    let uid = getuid().as_raw();
    let read = |table: &&str| fs::read_to_string(format!("/proc/net/{table}")).ok();
    let tables: String = TABLES.iter().filter_map(read).collect();
    let inodes = tables.lines().filter_map(|line| socket(line, port, uid));
    let wanted: BTreeSet<String> = inodes.map(|inode| format!("socket:[{inode}]")).collect();
    if wanted.is_empty() {
        return None;
    }
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes = processes.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    processes.find(|process| has_one_of(&process.path(), &wanted)).map(|process| describe(&process.path()))
}

/// The inode of the socket in this line, when it has this local port and this owner.
fn socket(line: &str, port: u16, uid: u32) -> Option<&str> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let fits = u16::from_str_radix(local, 16).ok()? == port && fields.get(7)?.parse() == Ok(uid);
    fields.get(9).copied().filter(|inode| fits && *inode != "0")
}

fn has_one_of(process: &Path, wanted: &BTreeSet<String>) -> bool {
    let open = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let mut links = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    links.any(|link| link.to_str().is_some_and(|link| wanted.contains(link)))
}

fn describe(process: &Path) -> String {
    let read = |name| fs::read(process.join(name)).unwrap_or_default();
    let (name, line) = (read("comm"), read("cmdline"));
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    printable(&format!("{}: {}", String::from_utf8_lossy(&name).trim(), line.trim()), PROCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_port_is_found_and_of_no_port_is_none() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = owner_of(port).unwrap();
        assert!(found.starts_with("executor-") && found.len() <= PROCESS, "{found}");
        drop(listener);
        assert_eq!(owner_of(port), None);
        let asking = std::net::UdpSocket::bind("[::1]:0").unwrap();
        assert!(owner_of(asking.local_addr().unwrap().port()).is_some());
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let line = "   0: 0100007F:1C9F 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1";
        assert_eq!(socket(line, 0x1c9f, 1000), Some("4711"));
        assert_eq!(socket(line, 0x1c9f, 1001), None);
        assert_eq!(socket(line, 80, 1000), None);
        for other in
            ["", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", "a b:c"]
        {
            assert_eq!(socket(other, 0, 0), None);
        }
    }
}
