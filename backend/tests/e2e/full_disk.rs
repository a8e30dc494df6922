//! The disk of the database is full while a run works: it waits in its container, and nothing of it is lost.

use std::time::Duration;

use api::{
    event::{AgentLineType, Event, EventBody},
    rpc::{runs::RunsApiClient, system::SystemApiClient},
    run::{Outcome, Reason, RunState},
};

use crate::{
    disk::Disk,
    harness::{World, client_run, events_of, follow, launch, step, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_a_full_disk_and_loses_nothing() {
    let disk = Disk::new(8192);
    let url = format!("--database-url=sqlite://{}?mode=rwc", disk.path().join("caisson.db").display());
    let world = World::start(&[&url]).await;
    let client = world.client().await;
    let steps = vec![step("First step.", &["true"]), step("Second step.", &["true"])];
    let run = launch(&client, steps, &world.repository("sample")).await;
    let began =
        |event: &Event| matches!(&event.body, EventBody::Agent(line) if line.r#type == AgentLineType::Init);
    assert!(follow(&client, run.id, began).await, "the agent began");

    disk.fill();
    let refused = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while SystemApiClient::status(&client).await.expect("a status").database.ok {
            ticks.tick().await;
        }
    };
    within("a write that is refused", refused).await;
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
    let results = |event: &&Event| matches!(&event.body, EventBody::Agent(line) if line.r#type == AgentLineType::Result);
    assert_eq!(events.iter().filter(results).count(), 2, "each step's last line came");
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_on_a_full_disk_stops_its_agent_at_once() {
    let disk = Disk::new(8192);
    let url = format!("--database-url=sqlite://{}?mode=rwc", disk.path().join("caisson.db").display());
    let world = World::start(&[&url]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[hang]]", &[])], &world.repository("sample")).await;
    assert!(follow(&client, run.id, |event| matches!(&event.body, EventBody::Agent(_))).await);
    disk.fill();
    let agents = || {
        let containers = world.containers();
        let top = crate::harness::output(std::process::Command::new("docker").args(["top", &containers[0]]));
        top.lines().filter(|line| line.contains("claude")).count()
    };
    assert_ne!(agents(), 0);
    RunsApiClient::cancel(&client, run.id).await.expect_err("it cannot be stored");
    let stopped = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while agents() != 0 {
            ticks.tick().await;
        }
    };
    within("the end of the agent", stopped).await;
    disk.empty();
    let run = crate::harness::ended(&client, run.id).await;
    assert_eq!(run.reason, Some(Reason::CancelledByUser));
    world.emptied().await;
}
