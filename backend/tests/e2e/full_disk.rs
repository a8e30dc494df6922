//! The disk of the database is full while a run works: it waits in its container, and nothing of it is lost.

use std::time::Duration;

use api::{
    event::{AgentLineType, Event, EventBody},
    rpc::{batches::BatchesApiClient, runs::RunsApiClient, system::SystemApiClient},
    run::{Outcome, Reason, RunState},
};
use jsonrpsee::ws_client::WsClient;

use crate::{
    batches::batch,
    browser::driver::Browser,
    disk::Disk,
    harness::{World, client_run, create_task, ended, events_of, follow, launch, output, step, within},
};

/// A server whose database is on a disk of its own.
async fn world() -> (Disk, World, WsClient) {
    let disk = Disk::new(8192);
    let url = format!("--database-url=sqlite://{}?mode=rwc", disk.path().join("caisson.db").display());
    let world = World::start(&[&url]).await;
    let client = world.client().await;
    (disk, world, client)
}

/// Waits until the server says that its database can be written, or that it cannot.
async fn says(client: &WsClient, ok: bool) {
    let said = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while SystemApiClient::status(client).await.expect("a status").database.ok != ok {
            ticks.tick().await;
        }
    };
    within("what the server says of its database", said).await;
}

/// How many agents work in the world's only container.
fn agents(world: &World) -> usize {
    let containers = world.containers();
    let top = output(std::process::Command::new("docker").args(["top", &containers[0]]));
    top.lines().filter(|line| line.contains("claude")).count()
}

/// Waits until the agent is stopped.
async fn stopped(world: &World) {
    let none = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while agents(world) != 0 {
            ticks.tick().await;
        }
    };
    within("the end of the agent", none).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_a_full_disk_and_loses_nothing() {
    let (disk, world, client) = world().await;
    let steps = vec![step("First step.", &["true"]), step("Second step.", &["true"])];
    let run = launch(&client, steps, &world.repository("sample")).await;
    let began = |event: &Event| matches!(&event.body, EventBody::Agent(line) if line.event.r#type == AgentLineType::Init);
    assert!(follow(&client, run.id, began).await, "the agent began");

    disk.fill();
    says(&client, false).await;
    assert_ne!(client_run(&client, run.id).await.state, RunState::Ended);
    disk.empty();

    let events = events_of(&client, run.id).await;
    let run = client_run(&client, run.id).await;
    assert_eq!(
        (run.outcome, run.reason),
        (Some(Outcome::Succeeded), Some(Reason::Completed)),
        "{:?}",
        run.detail
    );
    assert_eq!(world.git("sample", &["log", "--format=%s", &run.branch]).lines().count(), 3);
    let results = |event: &&Event| matches!(&event.body, EventBody::Agent(line) if line.event.r#type == AgentLineType::Result);
    assert_eq!(events.iter().filter(results).count(), 2, "each step's last line came");
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_on_a_full_disk_stops_its_agent_at_once() {
    let (disk, world, client) = world().await;
    let run = launch(&client, vec![step("[[hang]]", &[])], &world.repository("sample")).await;
    assert!(follow(&client, run.id, |event| matches!(&event.body, EventBody::Agent(_))).await);
    disk.fill();
    assert_ne!(agents(&world), 0);
    RunsApiClient::cancel(&client, run.id).await.expect_err("it cannot be stored");
    stopped(&world).await;
    disk.empty();
    let run = ended(&client, run.id).await;
    assert_eq!(run.reason, Some(Reason::CancelledByUser));
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runs_of_a_batch_that_is_cancelled_on_a_full_disk_stop_and_end_cancelled() {
    let (disk, world, client) = world().await;
    let batch = batch(&client, "[[hang]]", &[world.repository("sample")], None, None).await;
    let run = batch.runs[0].id;
    assert!(follow(&client, run, |event| matches!(&event.body, EventBody::Agent(_))).await);
    disk.fill();
    assert_ne!(agents(&world), 0);
    BatchesApiClient::cancel(&client, batch.id).await.expect_err("it cannot be stored");
    stopped(&world).await;
    disk.empty();
    assert_eq!(ended(&client, run).await.reason, Some(Reason::CancelledByUser));
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_in_the_browser_says_that_the_disk_is_full_until_there_is_room() {
    let (disk, world, client) = world().await;
    let task = create_task(&client, vec![step("First step.", &[])]).await;
    let browser = Browser::start(1360, 900, false).await;
    browser.sign_in(&world).await;
    disk.fill();
    let repository = world.repository("sample");
    let refused = RunsApiClient::create(&client, task.id, repository, None, None, None).await;
    refused.expect_err("it cannot be stored");
    says(&client, false).await;
    for path in ["/", "/runs", "/tasks"] {
        browser.open(&world, path).await;
        browser.says("trouble", "disk").await;
    }
    browser.picture("full-disk-light.png").await;
    disk.empty();
    says(&client, true).await;
    browser.gone("trouble").await;
    browser.close().await;
}
