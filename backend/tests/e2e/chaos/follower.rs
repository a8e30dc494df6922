//! A reader in a terminal: `caisson runs logs --follow`, through every cut, to the run's end.

use std::process::Stdio;

use api::{event::Event, id::RunId};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    sync::watch,
    task::JoinSet,
};

use crate::harness::TOKEN;

/// The reader and what it has read.
pub(super) struct Follower {
    reading: JoinSet<Vec<Event>>,
    seen: watch::Receiver<u64>,
}

impl Follower {
    pub(super) fn start(address: &str, run: RunId) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_caisson"))
            .args(["runs", "logs", "--follow", "--json", &run.to_string()])
            .env("CAISSON_SERVER", format!("http://{address}"))
            .env("CAISSON_TOKEN", TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("caisson starts");
        let (news, seen) = watch::channel(0);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
            let mut events: Vec<Event> = Vec::new();
            while let Some(line) = lines.next_line().await.expect("readable") {
                let line: Value =
                    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                // The run itself is the last word.
                if line.get("seq").is_none() {
                    continue;
                }
                events.push(serde_json::from_value(line).expect("an event"));
                news.send_replace(events.len() as u64);
            }
            let status = child.wait().await.expect("an end");
            assert!(matches!(status.code(), Some(0 | 1)), "the run is over, well or not: {status}");
            events
        });
        Self { reading, seen }
    }

    /// How many events it has read; changes as it reads on, and closes when it has read the end.
    pub(super) fn seen(&self) -> watch::Receiver<u64> {
        self.seen.clone()
    }

    /// All events, once the run is over.
    pub(super) async fn finish(mut self) -> Vec<Event> {
        let read = crate::harness::within("the end of a run", self.reading.join_next()).await;
        read.expect("it reads").expect("no panic")
    }
}
