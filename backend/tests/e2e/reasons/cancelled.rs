//! Cancelled in the middle of things: what is there is saved, and everything is gone soon after.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use api::{
    event::EventBody,
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{Reason, RunState},
};
use jsonrpsee::ws_client::WsClient;
use tokio::sync::mpsc;

use super::is_state;
use crate::harness::{World, ends, follow, launch, step, within};

/// After this everything must be gone.
const SOON: Duration = Duration::from_secs(10);

/// Cancels, and waits for the end and for the container to go.
async fn cancel(world: &World, client: &WsClient, run: RunId) {
    let gone = async {
        client.cancel(run).await.expect("cancelled");
        ends(client, run, Reason::CancelledByUser).await;
        world.emptied().await;
    };
    tokio::time::timeout(SOON, gone).await.expect("everything is gone soon");
}

/// A git server that says what it has and then sends nothing, and the connections on which it was asked for more.
fn standing_still() -> (String, mpsc::UnboundedReceiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/still.git", listener.local_addr().expect("an address"));
    let (asked, connections) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.expect("a connection");
            let mut head = BufReader::new(connection.try_clone().expect("a handle"));
            let mut line = String::new();
            head.read_line(&mut line).expect("a request");
            if let Some((_, service)) = line.clone().split_once("service=") {
                let service = service.split(' ').next().unwrap_or_default().to_owned();
                while head.read_line(&mut line).expect("a line") > 2 {}
                connection.write_all(what_it_has(&service).as_bytes()).expect("written");
            } else if asked.send(connection).is_err() {
                return;
            }
        }
    });
    (address, connections)
}

/// The list of a repository with one branch, as smart HTTP has it.
fn what_it_has(service: &str) -> String {
    let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let id = "1".repeat(40);
    let body = [
        packet(&format!("# service={service}\n")),
        "0000".to_owned(),
        packet(&format!("{id} HEAD\0symref=HEAD:refs/heads/main agent=git/test\n")),
        packet(&format!("{id} refs/heads/main\n")),
        "0000".to_owned(),
    ]
    .concat();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-{service}-advertisement\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_git_server_is_asked_what_it_has() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    // It takes the connection and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let repository = format!("http://{}/silent.git", silent.local_addr().expect("an address"));
    let run = launch(&client, vec![step("First step.", &[])], &repository).await;
    let asked = tokio::task::spawn_blocking(move || silent.accept());
    let held = within("the question", asked).await.expect("no panic").expect("a connection");
    assert!(world.containers().is_empty(), "nothing was begun");
    cancel(&world, &client, run.id).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_clones() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let (repository, mut connections) = standing_still();
    let run = launch(&client, vec![step("First step.", &[])], &repository).await;
    let held = within("the clone", connections.recv()).await.expect("a connection");
    cancel(&world, &client, run.id).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_pushes() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let begun = world.dir().join("push-begun");
    world.hook("sample", &format!("mkfifo {0}.wait; touch {0}; read nothing < {0}.wait", begun.display()));
    let run = launch(&client, vec![step("First step.", &["true"])], &repository).await;
    assert!(follow(&client, run.id, |event| matches!(event.body, EventBody::Check(_))).await);
    // The hook says when it has begun by making its pipe; opening that for writing waits for its reader.
    let pipe = begun.with_extension("wait");
    let opened = tokio::task::spawn_blocking(move || {
        while !pipe.exists() {
            std::thread::yield_now();
        }
        std::fs::OpenOptions::new().write(true).open(pipe)
    });
    let held = within("the push", opened).await.expect("no panic").expect("a pipe");
    cancel(&world, &client, run.id).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_the_remote_refuses_is_told_and_the_patch_is_kept() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.hook("sample", "echo not today >&2; exit 1");
    let run = launch(&client, vec![step("First step.", &[])], &repository).await;
    let run = ends(&client, run.id, Reason::PushFailed).await;
    assert!(run.artifacts.iter().any(|artifact| artifact.name == "changes.patch"));
    let diff = client.diff(run.id).await.expect("a diff");
    assert!(diff.patch.contains("one.txt"), "{}", diff.patch);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_half_done_is_saved() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[half done]]", &[])], &world.repository("sample")).await;
    let waits = |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains("sleep 300"));
    assert!(follow(&client, run.id, |event| waits(&event.body)).await);
    let live = client.diff(run.id).await.expect("a diff of the live run");
    assert!(live.files.iter().any(|file| file.path == "loose.bin"), "{live:?}");
    client.cancel(run.id).await.expect("cancelled");
    assert!(follow(&client, run.id, |event| is_state(&event.body, RunState::Stopping)).await);
    let run = ends(&client, run.id, Reason::CancelledByUser).await;
    assert_eq!(world.git("sample", &["log", "-1", "--format=%s", &run.branch]), "Half of it");
    let kept: Vec<_> = run.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(kept, ["changes.patch", "uncommitted.patch", "elsewhere.bundle"]);
    let detail = run.detail.clone().unwrap_or_default();
    assert!(detail.contains("uncommitted.patch has what was not committed"), "{detail}");
    world.emptied().await;
    let diff = client.diff(run.id).await.expect("a diff after the container is gone");
    let paths: Vec<_> = diff.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["README.md", "committed.txt", "loose.bin"]);
    assert!(diff.patch.contains("GIT binary patch"), "binary files are in it");
}
