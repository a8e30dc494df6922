//! The container engine goes away: before a run and in the middle of one.
//!
//! The engine is reached through a socket of the test's own, which it can close; the engine itself goes on.

use std::process::Command;

use api::{
    event::EventBody,
    rpc::system::SystemApiClient,
    run::{Outcome, Reason},
};
use tempfile::TempDir;

use crate::{
    harness::{World, ended, follow, launch, output, step},
    socket::Socket,
};

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
    let address = format!("--docker-host=unix://{}", socket.path().display());
    let mut world = World::start(&[&address, "--auto-retries=0"]).await;
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
