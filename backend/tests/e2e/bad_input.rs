//! Bad input: each gets its error, and nothing is left behind.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use api::{
    error::ApiError,
    rpc::{runs::RunsApiClient, tasks::TasksApiClient},
    run::{Outcome, Reason, Run},
};
use jsonrpsee::ws_client::WsClient;

use crate::harness::{World, create_task, ended, launch, step};

async fn end_against(world: &World, client: &WsClient, repository: &str) -> Run {
    let run = launch(client, vec![step("First step.", &[])], repository).await;
    let run = ended(client, run.id).await;
    world.emptied().await;
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_cloned_fails_the_run_with_the_reason() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let locked = demanding_a_password();
    for (repository, word) in [
        (world.url("no-such"), "no such repository"),
        (world.empty_repository("empty"), "no commits"),
        (locked, "credential"),
        ("http://127.0.0.1:9/nobody/listens".to_owned(), "reach"),
    ] {
        let run = end_against(&world, &client, &repository).await;
        assert_eq!(
            (run.outcome, run.reason),
            (Some(Outcome::Failed), Some(Reason::CloneFailed)),
            "{repository}"
        );
        let detail = run.detail.expect("a detail").to_lowercase();
        assert!(detail.contains(word), "{repository}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_ref_fails_the_run() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let task = create_task(&client, vec![step("First step.", &[])]).await;
    let run = RunsApiClient::create(&client, task.id, repository, Some("no-such-branch".into()), None, None);
    let run = ended(&client, run.await.expect("a run").id).await;
    assert_eq!(run.reason, Some(Reason::CloneFailed));
    assert!(run.detail.expect("a detail").contains("no-such-branch"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_may_not_be_is_refused_at_once() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let task = create_task(&client, vec![step("First step.", &[])]).await;
    for repository in ["file:///etc", "https://me:secret@example.org/x", "--upload-pack=id", "", "x y"] {
        let refused = RunsApiClient::create(&client, task.id, repository.to_owned(), None, None, None).await;
        let error = ApiError::of(&refused.expect_err(repository)).expect("an ApiError");
        assert!(
            matches!(&error, ApiError::Invalid { field, .. } if field == "repository"),
            "{repository}: {error:?}"
        );
        assert!(!error.to_string().contains("secret"));
    }
    let runs = RunsApiClient::list(&client, None, None, None, None, None, None, None).await.expect("a list");
    assert!(runs.items.is_empty(), "nothing was queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_fails_the_run_and_says_what_to_do() {
    let world = World::start(&["--image=caisson-no-such-image:1"]).await;
    let client = world.client().await;
    let run = end_against(&world, &client, &world.repository("sample")).await;
    assert_eq!((run.outcome, run.reason), (Some(Outcome::Failed), Some(Reason::ImageMissing)));
    assert!(run.detail.expect("a detail").contains("caisson-no-such-image:1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_archived_cannot_be_run() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let run = launch(&client, vec![step("[[nothing]]", &[])], &repository).await;
    let archived = TasksApiClient::delete(&client, run.task_id).await.expect("archived");
    assert!(archived.archived_at.is_some(), "it has runs, so it is kept");
    let refused = RunsApiClient::create(&client, run.task_id, repository, None, None, None).await;
    assert!(matches!(ApiError::of(&refused.expect_err("refused")), Some(ApiError::Conflict { .. })));
    assert_eq!(ended(&client, run.id).await.reason, Some(Reason::NoChanges), "the run has its own copy");
}

/// A server that answers everything with 401. It lives as long as the process.
fn demanding_a_password() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/locked.git", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}
