//! A server as its users start it: the program `caisson`, in a process of its own.

use std::{path::Path, process::Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    fs::OpenOptions,
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    task::JoinSet,
};

use super::within;

/// A running `caisson serve`.
pub struct Process {
    child: Child,
    /// Reads its log for as long as it lives: a full pipe would stop it.
    _log: JoinSet<()>,
    /// Where it listens.
    pub address: String,
}

/// The program `caisson`, which cargo has built for the test that runs.
fn program() -> std::ffi::OsString {
    std::env::var_os("CARGO_BIN_EXE_caisson").expect("cargo runs this, with a test or benchmark of `backend`")
}

impl Process {
    /// Starts it with these arguments and waits until it says where it listens. What it says goes to the end of
    /// the file.
    pub async fn start(arguments: impl Iterator<Item = String>, log_file: &Path) -> Self {
        let mut child = Command::new(program())
            .args(arguments)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("caisson starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            let read = within("the server's address", log.read_line(&mut line)).await.expect("readable");
            assert_ne!(read, 0, "the server ended: {said}");
            said += &line;
            if let Some((_, address)) = line.trim().split_once("Caisson listens on http://") {
                break address.to_owned();
            }
        };
        let mut reading = JoinSet::new();
        let mut kept = OpenOptions::new().create(true).append(true).open(log_file).await.expect("a log file");
        kept.write_all(said.as_bytes()).await.expect("written");
        reading.spawn(async move { drop(tokio::io::copy(&mut log, &mut kept).await) });
        Self { child, _log: reading, address }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it lives")
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it could be killed");
    }

    /// SIGTERM, and the wait for its end.
    pub async fn stop(mut self) {
        let pid = i32::try_from(self.id()).expect("a pid");
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it could be asked");
        within("the server's stop", self.child.wait()).await.expect("an end");
    }
}
