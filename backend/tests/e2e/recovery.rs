//! The server stops and comes back while a run works.

use api::{
    event::{AgentLineType, EventBody},
    rpc::runs::RunsApiClient,
    run::{Outcome, Reason},
};

use crate::harness::{World, client_run, events_of, follow, launch, step};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_while_the_server_is_restarted() {
    let mut world = World::start(&[]).await;
    let client = world.client().await;
    let steps = vec![step("First step.", &["true"]), step("Second step.", &["true"])];
    let run = launch(&client, steps, &world.repository("sample")).await;
    let began = |event: &api::event::Event| matches!(&event.body, EventBody::Agent(line) if line.event.r#type == AgentLineType::Init);
    assert!(follow(&client, run.id, began).await, "the agent began");
    world.restart().await;

    let client = world.client().await;
    let events = events_of(&client, run.id).await;
    let run = client_run(&client, run.id).await;
    assert_eq!(
        (run.outcome, run.reason),
        (Some(Outcome::Succeeded), Some(Reason::Completed)),
        "{:?}",
        run.detail
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.body, EventBody::Notice(notice) if notice.about == "adopted"))
    );
    let raw: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Agent(line) => Some(line.raw.as_str()),
            _ => None,
        })
        .collect();
    let unique: std::collections::BTreeSet<_> = raw.iter().collect();
    assert_eq!(unique.len(), raw.len(), "no line came twice");
    assert_eq!(world.git("sample", &["log", "--format=%s", &run.branch]).lines().count(), 3);
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_container_is_gone_ends_lost() {
    let mut world = World::start(&["--auto-retries=0"]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[hang]]", &[])], &world.repository("sample")).await;
    let began = |event: &api::event::Event| matches!(&event.body, EventBody::Agent(_));
    assert!(follow(&client, run.id, began).await);
    world.stop().await;
    for container in world.containers() {
        crate::harness::output(std::process::Command::new("docker").args(["rm", "--force", &container]));
    }
    world.resume().await;
    let client = world.client().await;
    let run = crate::harness::ended(&client, run.id).await;
    assert_eq!((run.outcome, run.reason), (Some(Outcome::Lost), Some(Reason::InstanceLost)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_killed_ends_its_run_lost() {
    let world = World::start(&["--auto-retries=0"]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[hang]]", &[])], &world.repository("sample")).await;
    assert!(follow(&client, run.id, |event| matches!(&event.body, EventBody::Agent(_))).await);
    for container in world.containers() {
        crate::harness::output(std::process::Command::new("docker").args(["kill", &container]));
    }
    let run = crate::harness::ended(&client, run.id).await;
    assert_eq!((run.outcome, run.reason), (Some(Outcome::Lost), Some(Reason::InstanceLost)));
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_run_is_queued_again_by_itself_as_often_as_allowed_and_that_is_seen() {
    let world = World::start(&["--auto-retries=1"]).await;
    let client = world.client().await;
    let first = launch(&client, vec![step("[[hang]]", &[])], &world.repository("sample")).await;
    let (mut run, mut retried) = (first.id, 0);
    loop {
        assert!(follow(&client, run, |event| matches!(&event.body, EventBody::Agent(_))).await);
        for container in world.containers() {
            crate::harness::output(std::process::Command::new("docker").args(["kill", &container]));
        }
        let ended = crate::harness::ends(&client, run, Reason::InstanceLost).await;
        assert_eq!(ended.auto_retries, retried);
        let all =
            RunsApiClient::list(&client, None, None, None, None, None, None, None).await.expect("a list");
        let Some(next) = all.items.into_iter().find(|next| next.retry_of == Some(run)) else { break };
        let events = events_of(&client, run).await;
        let told = |event: &api::event::Event| matches!(&event.body, EventBody::Notice(notice) if notice.about == "retry" && notice.text.contains(&next.id.to_string()));
        assert!(events.iter().any(told), "the old run says which one goes on");
        (run, retried) = (next.id, retried + 1);
    }
    assert_eq!(retried, 1);
    world.emptied().await;
}
