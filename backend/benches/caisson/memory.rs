//! What the server holds in memory when nobody asks anything of it.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{
    harness::within,
    report::{Report, Samples},
};

/// What an idle server should hold at most, in MB of 1,000,000 bytes.
const TARGET: f64 = 60.0;
/// How many servers are started, one after the other.
const ROUNDS: usize = 5;
/// What the server says once it answers, before its address.
const LISTENS: &str = "listens on ";

/// Starts the program as people do, with `SQLite`, asks for its health, and looks.
pub async fn measure(report: &mut Report) {
    eprintln!("memory: {ROUNDS} servers");
    let mut resident = Samples::new("caisson serve, idle, resident", "MB");
    let mut most = Samples::new("caisson serve, idle, most resident", "MB");
    for _ in 0..ROUNDS {
        let (now, peak) = idle_server().await;
        resident.push(now);
        most.push(peak);
    }
    report.add_with_target(&resident, TARGET);
    report.add(&most);
}

/// Resident memory now and at most so far, in MB.
async fn idle_server() -> (f64, f64) {
    let data = TempDir::new().expect("a folder");
    let mut server = Command::new(env!("CARGO_BIN_EXE_caisson"))
        .args(["serve", "--listen=127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the server starts");
    let mut said = BufReader::new(server.stderr.take().expect("a pipe")).lines();
    let address = loop {
        let line =
            within("the server's start", said.next_line()).await.expect("readable").expect("it starts");
        if let Some((_, address)) = line.split_once(LISTENS) {
            break address.to_owned();
        }
    };
    let answer = within("its health", reqwest::get(format!("{address}/health"))).await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    let status = format!("/proc/{}/status", server.id().expect("it runs"));
    let status = std::fs::read_to_string(status).expect("Linux");
    server.kill().await.expect("it can be killed");
    (field(&status, "VmRSS:"), field(&status, "VmHWM:"))
}

/// A field of `/proc/PID/status`, which counts in KiB, in MB.
fn field(status: &str, name: &str) -> f64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name)).expect("the field is there");
    let kibibytes: f64 = value.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kibibytes * 1024.0 / 1e6
}
