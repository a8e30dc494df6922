//! Servers that die, and databases that go away, while runs work.

use std::time::Duration;

use api::{
    event::{Event, EventBody},
    id::RunId,
    rpc::runs::RunsApiClient,
    run::Reason,
};
use jsonrpsee::ws_client::WsClient;

use crate::{
    door::Door,
    harness::{Process, World, client_of, docker, ends, events_of, follow, launch, step},
    postgres::postgres,
};

fn waits(body: &EventBody) -> bool {
    matches!(body, EventBody::Agent(line) if line.raw.contains("until test"))
}

fn go(world: &World) {
    for container in world.containers() {
        docker(&["exec", "--user", "1000", &container, "touch", "/workspace/go"]);
    }
}

/// Each line of the agent has an id of its own; none may be there twice.
fn no_line_is_double(events: &[Event]) {
    let ids = events.iter().filter_map(|event| match &event.body {
        EventBody::Agent(line) => {
            let line: serde_json::Value = serde_json::from_str(&line.raw).ok()?;
            line["uuid"].as_str().map(str::to_owned)
        }
        _ => None,
    });
    let mut ids: Vec<_> = ids.collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(0 < all);
}

async fn completes(client: &WsClient, run: RunId) {
    let events = events_of(client, run).await;
    no_line_is_double(&events);
    ends(client, run, Reason::Completed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_go_on_while_their_server_is_killed() {
    let mut world = World::start_apart(&[]).await;
    let client = world.client().await;
    let repository = world.repository("sample");
    let steps = || vec![step("[[wait for it]]", &[]), step("First step.", &["true"])];
    let runs =
        [launch(&client, steps(), &repository).await.id, launch(&client, steps(), &repository).await.id];
    for run in runs {
        assert!(follow(&client, run, |event| waits(&event.body)).await);
    }
    world.kill().await;
    // It answers its tool call, and asks the model again, while nobody is there.
    go(&world);
    world.resume_apart().await;
    let client = world.client().await;
    for run in runs {
        completes(&client, run).await;
    }
    world.emptied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_loses_nothing() {
    let database = postgres().await;
    let door = Door::open(&database).await;
    let world = World::start(&[&format!("--database-url={}", door.url)]).await;
    let client = world.client().await;
    let steps = vec![step("[[wait for it]]", &[]), step("First step.", &["true"])];
    let run = launch(&client, steps, &world.repository("sample")).await.id;
    assert!(follow(&client, run, |event| waits(&event.body)).await);
    door.shut();
    go(&world);
    // Long enough for the agent to say more than the server can store now: it goes on to its next turn.
    door.refused(3).await;
    door.let_in();
    let client = world.client().await;
    completes(&client, run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_on_one_database_the_other_takes_over_when_one_dies() {
    let database = postgres().await;
    let settings = [format!("--database-url={database}")];
    let mut world = World::start_apart(&settings.each_ref().map(String::as_str)).await;
    let first = world.client().await;
    let run = launch(
        &first,
        vec![step("[[wait for it]]", &[]), step("First step.", &[])],
        &world.repository("sample"),
    )
    .await
    .id;
    assert!(follow(&first, run, |event| waits(&event.body)).await);

    let second = Process::start(world.twin_arguments("twin"), &world.log_file()).await;
    let client = client_of(&second.address).await;
    // What one server stores is heard at the other, and what is asked of the other reaches the one.
    client.send(run, "a word from the other side".to_owned()).await.expect("sent");
    let said = |body: &EventBody| matches!(body, EventBody::User(said) if said.text.contains("other side"));
    assert!(follow(&client, run, |event| said(&event.body)).await);

    world.kill().await;
    go(&world);
    let taken = |body: &EventBody| matches!(body, EventBody::Notice(notice) if notice.about == "adopted");
    assert!(follow(&client, run, |event| taken(&event.body)).await, "within the lease");
    completes(&client, run).await;
    world.emptied().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_through_a_server_that_does_not_drive_it() {
    let database = postgres().await;
    let world = World::start_apart(&[&format!("--database-url={database}")]).await;
    let first = world.client().await;
    let run = launch(&first, vec![step("[[hang]]", &[])], &world.repository("sample")).await.id;
    assert!(follow(&first, run, |event| matches!(&event.body, EventBody::Agent(_))).await);
    let second = Process::start(world.twin_arguments("twin"), &world.log_file()).await;
    let client = client_of(&second.address).await;
    let gone = async {
        client.cancel(run).await.expect("cancelled");
        ends(&client, run, Reason::CancelledByUser).await;
        world.emptied().await;
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("everything is gone soon");
    second.stop().await;
}
