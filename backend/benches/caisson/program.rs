//! `caisson serve` as a process of its own: what it holds in memory is its own, too.

use std::{path::Path, process::Stdio};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::harness::{TOKEN, within};

/// What the server says once it answers, before its address.
const LISTENS: &str = "listens on http://";

/// A running server.
pub struct Program {
    /// Where it listens, `host:port`.
    pub address: String,
    process: Child,
    _said: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
    _data: TempDir,
}

impl Program {
    /// Starts it with these further settings and waits until it answers.
    pub async fn start(settings: &[&str]) -> Self {
        let data = TempDir::new().expect("a folder");
        let mut process = Command::new(env!("CARGO_BIN_EXE_caisson"))
            .args(["serve", "--listen=127.0.0.1:0", &format!("--admin-token={TOKEN}"), "--data-dir"])
            .arg(data.path())
            .args(settings)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server starts");
        let mut said = BufReader::new(process.stderr.take().expect("a pipe")).lines();
        let address = loop {
            let line =
                within("the server's start", said.next_line()).await.expect("readable").expect("it starts");
            if let Some((_, address)) = line.split_once(LISTENS) {
                break address.trim_end_matches('/').to_owned();
            }
        };
        let health = reqwest::get(format!("http://{address}/health"));
        let answer = within("its health", health).await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
        Self { address, process, _said: said, _data: data }
    }

    /// Resident memory now, in MB.
    pub fn resident(&self) -> f64 {
        resident(self.process.id().expect("it runs"))
    }

    /// Resident memory at most, in MB.
    pub fn most_resident(&self) -> f64 {
        field(self.process.id().expect("it runs"), "VmHWM:")
    }
}

/// The server that works in this folder.
pub fn process_in(folder: &Path) -> u32 {
    let names = format!("--data-dir={}", folder.display());
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let works_there = |pid: &u32| {
        let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.contains(&names)
    };
    pids.find(works_there).expect("it runs")
}

/// Resident memory of a process now, in MB.
pub fn resident(pid: u32) -> f64 {
    field(pid, "VmRSS:")
}

/// Processor time a process has used, its own and the system's, in seconds.
pub fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let ticks = fields.split(' ').skip(11).take(2).map(|it| it.parse::<f64>().expect("a number"));
    // On every Linux there are 100 in a second.
    ticks.sum::<f64>() / 100.0
}

/// A field of `/proc/PID/status`, which counts in KiB, in MB of 1,000,000 bytes.
fn field(pid: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let value = status.lines().find_map(|line| line.strip_prefix(name)).expect("the field is there");
    let kibibytes: f64 = value.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kibibytes * 1024.0 / 1e6
}
