//! Bad input: each gets its error, and nothing is left behind.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use api::{
    error::ApiError,
    rpc::{batches::BatchesApiClient, runs::RunsApiClient, tasks::TasksApiClient},
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
    for (repository, reason, word) in [
        (world.url("no-such"), Reason::RepositoryNotFound, "no such repository"),
        (world.empty_repository("empty"), Reason::CloneFailed, "no commits"),
        (locked, Reason::CloneFailed, "credential"),
        // Asked for two minutes: it could be restarting.
        ("http://127.0.0.1:9/nobody/listens".to_owned(), Reason::CloneFailed, "reach"),
    ] {
        let run = end_against(&world, &client, &repository).await;
        assert_eq!((run.outcome, run.reason), (Some(Outcome::Failed), Some(reason)), "{repository}");
        assert_eq!(run.instance_id, None, "no container is made for {repository}");
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
async fn a_batch_with_a_typo_in_its_ref_costs_no_container() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let targets: Vec<String> = (0..12).map(|n| world.repository(&format!("target-{n}"))).collect();
    let task = create_task(&client, vec![step("First step.", &[])]).await;
    let typo = Some("mian".to_owned());
    let created = BatchesApiClient::create(&client, task.id, targets, typo, None, None, None, None, None);
    for run in created.await.expect("a batch").runs {
        let run = ended(&client, run.id).await;
        assert_eq!((run.reason, run.instance_id), (Some(Reason::CloneFailed), None));
        let detail = run.detail.expect("a detail");
        assert!(detail.contains("\"mian\": did you mean main?"), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_cannot_be_pushed_costs_no_container() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let taken = world.repository("taken");
    world.git("taken", &["branch", "caisson", "main"]);
    let read_only = world.repository("read-only");
    world.git("read-only", &["config", "http.receivepack", "false"]);
    for (repository, word) in [(taken, "a branch caisson, beside which"), (read_only, "does not allow")] {
        let run = end_against(&world, &client, &repository).await;
        assert_eq!((run.reason, run.instance_id), (Some(Reason::PushNotPermitted), None), "{:?}", run.detail);
        assert!(run.detail.as_ref().is_some_and(|detail| detail.contains(word)), "{:?}", run.detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_page_is_a_repository_and_its_branch() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.git("sample", &["branch", "dev", "main"]);
    let page = repository.replace("sample.git", "group/sample.git/tree/dev");
    let task = create_task(&client, vec![step("[[nothing]]", &[])]).await;
    let run = RunsApiClient::create(&client, task.id, page, None, None, None).await.expect("a run");
    assert!(run.repository.ends_with("/group/sample.git"), "{}", run.repository);
    assert_eq!(run.r#ref.as_deref(), Some("dev"));
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
