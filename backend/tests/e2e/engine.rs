//! The container engine goes away: before a run and in the middle of one.
//!
//! The engine is reached through a socket of the test's own, which it can close; the engine itself goes on.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use api::{
    event::EventBody,
    rpc::system::SystemApiClient,
    run::{Outcome, Reason},
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    task::JoinSet,
};

use crate::harness::{World, ended, follow, launch, output, step};

/// A socket that leads to the engine until it is dropped.
struct Socket {
    path: PathBuf,
    connections: JoinSet<()>,
}

impl Socket {
    fn open(dir: &Path) -> Self {
        let path = dir.join("engine.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                open.spawn(async move {
                    let mut engine = UnixStream::connect("/var/run/docker.sock").await.expect("the engine");
                    let _ = copy_bidirectional(&mut client, &mut engine).await;
                });
            }
        });
        Self { path, connections }
    }

    /// Cuts every connection; nobody answers any more.
    async fn close(mut self) {
        self.connections.shutdown().await;
        std::fs::remove_file(&self.path).expect("the socket goes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_an_engine_fails_and_says_so() {
    let world = World::start(&["--docker-host=unix:///nowhere/docker.sock"]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("First step.", &[])], &world.repository("sample")).await;
    let run = ended(&client, run.id).await;
    assert_eq!((run.outcome, run.reason), (Some(Outcome::Failed), Some(Reason::EngineUnavailable)));
    let status = client.status().await.expect("a status");
    assert!(
        !status.engine.ok && status.engine.detail.contains("/nowhere/docker.sock"),
        "{:?}",
        status.engine
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_stops_in_the_middle_ends_the_run_and_is_cleaned_up_when_it_is_back() {
    let dir = TempDir::new().expect("a folder");
    let socket = Socket::open(dir.path());
    let address = format!("--docker-host=unix://{}", socket.path.display());
    let mut world = World::start(&[&address]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[hang]]", &[])], &world.repository("sample")).await;
    assert!(follow(&client, run.id, |event| matches!(&event.body, EventBody::Agent(_))).await);
    // An engine that stops takes its containers with it.
    socket.close().await;
    let containers = world.containers();
    for container in &containers {
        output(Command::new("docker").args(["kill", container]));
    }
    let run = ended(&client, run.id).await;
    assert_eq!(
        (run.outcome, run.reason),
        (Some(Outcome::Failed), Some(Reason::EngineUnavailable)),
        "{:?}",
        run.detail
    );

    let _socket = Socket::open(dir.path());
    // The reconciler looks at once when the server starts, and every half minute.
    world.restart().await;
    world.emptied().await;
}
