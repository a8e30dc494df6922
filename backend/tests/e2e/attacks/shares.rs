//! The agent takes more than its share of the server: questions, its log, the names it gives.

use api::{
    event::EventBody,
    id::RunId,
    rpc::runs::RunsApiClient,
    run::{Reason, Run},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jsonrpsee::ws_client::WsClient;

use crate::harness::{World, client_run, ended, ends, events_of, follow, image_with, launch, step};

const AGENT: &str = include_str!("shares.py");
/// What the agent says when everything was denied that should be.
const DENIED: &str = "184 were denied";

async fn attack(what: &str, more: &[&str]) -> (World, WsClient, Run) {
    let agent = BASE64_STANDARD.encode(AGENT);
    let put =
        format!("RUN echo {agent} | base64 -d > /usr/local/bin/claude && chmod +x /usr/local/bin/claude");
    let image = format!("--image={}", image_with("shares", &put));
    let world = World::start(&[&[image.as_str(), "--auto-retries=0"], more].concat()).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    world.commit("sample", "attack", what);
    let run = launch(&client, vec![step("First step.", &[])], &repository).await;
    (world, client, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_without_end_are_denied_and_the_run_can_be_cancelled_after_a_restart() {
    let (mut world, client, run) = attack("questions", &[]).await;
    let denied = |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains(DENIED));
    assert!(follow(&client, run.id, |event| denied(&event.body)).await, "the agent hears it");
    let shown = client_run(&client, run.id).await;
    assert!(shown.gate.is_some(), "a person can answer the others");
    assert!(serde_json::to_string(&shown).unwrap().len() < 100_000, "the run stays small");
    assert!(shown.artifacts.iter().any(|it| it.name.starts_with("question-")), "{:?}", shown.artifacts);
    world.restart().await;
    let client = world.client().await;
    RunsApiClient::cancel(&client, run.id).await.expect("cancelled");
    let run = ends(&client, run.id, Reason::CancelledByUser).await;
    let notices = notices(&client, run.id, "gate").await;
    assert!((1..10).contains(&notices.len()), "told at 1, 10, 100: {notices:?}");
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_end_ends_the_run_and_its_work_is_saved() {
    let (world, client, run) = attack("log", &["--log-bytes=1m"]).await;
    let run = ends(&client, run.id, Reason::LogFull).await;
    assert!(run.detail.as_ref().is_some_and(|detail| detail.contains("CAISSON_LOG_BYTES")), "{run:?}");
    assert_eq!(world.git("sample", &["show", &format!("{}:kept.txt", run.branch)]), "kept");
    let log = serde_json::to_string(&events_of(&client, run.id).await).unwrap().len();
    assert!((1 << 20..16 << 20).contains(&log), "{log}");
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_name_makes_no_list_unusable() {
    let (world, client, run) = attack("names", &[]).await;
    let run = ended(&client, run.id).await;
    let page = RunsApiClient::list(&client, None, None, None, None, None, None, None).await.expect("a page");
    assert_eq!(page.items, [run]);
    assert!(serde_json::to_string(&page.items).unwrap().len() < 100_000);
    world.emptied().await;
}

async fn notices(client: &WsClient, run: RunId, about: &str) -> Vec<String> {
    let events = events_of(client, run).await;
    let notices = events.into_iter().filter_map(|event| match event.body {
        EventBody::Notice(notice) if notice.about == about => Some(notice.text),
        _ => None,
    });
    notices.collect()
}
