//! A run on an engine on another machine: Docker over TCP with TLS, an executor that is reached over a network.

mod eavesdrop;
mod engine;

use std::io::Write;

use api::{
    event::EventBody,
    rpc::{instances::InstancesApiClient, system::SystemApiClient},
    run::Reason,
};

use crate::harness::{World, client_run, ends, events_of, follow, launch, step};
use eavesdrop::Eavesdrop;
use engine::RemoteEngine;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_another_machine_goes_from_its_launch_to_a_pushed_branch_and_nothing_is_in_clear() {
    let engine = RemoteEngine::start().await;
    let network = Eavesdrop::start(engine.interface());
    let settings = engine.settings();
    let mut world = World::start(&settings.each_ref().map(String::as_str)).await;
    let client = world.client().await;
    assert!(client.status().await.expect("a status").engine.ok);
    let steps = vec![step("[[wait for it]]", &[]), step("First step.", &["grep -q one one.txt"])];
    let run = launch(&client, steps, &world.repository("sample")).await;
    let waits = |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains("until test"));
    assert!(follow(&client, run.id, |event| waits(&event.body)).await);

    let instance = client_run(&client, run.id).await.instance_id.expect("an instance");
    let instance = client.get(instance).await.expect("it is there");
    let host = instance.host.expect("it is reached");
    assert!(host.starts_with(&format!("{}:", engine.address())), "{host}");
    let container = instance.container_id.expect("a container");
    assert_eq!(engine.docker(&["port", &container]), format!("7335/tcp -> {host}"));
    // The agent, as whom this runs, reads the environment of no process that has the key.
    let look = "cat /proc/[0-9]*/environ 2>/dev/null | tr -d '\\0'";
    // Docker gives what it starts there the container's environment.
    let look = ["exec", "--user", "agent", &container, "env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", look];
    let seen = engine.docker(&look);
    assert!(seen.contains("PATH=") && !seen.contains("PRIVATE KEY"), "its own, and no other");

    // The next server finds it again and holds it for the same.
    world.restart().await;
    let client = world.client().await;
    let adopted = |body: &EventBody| matches!(body, EventBody::Notice(notice) if notice.about == "adopted");
    assert!(follow(&client, run.id, |event| adopted(&event.body)).await);
    engine.docker(&["exec", "--user", "agent", &container, "touch", "/workspace/go"]);
    events_of(&client, run.id).await;
    ends(&client, run.id, Reason::Completed).await;
    let run = client_run(&client, run.id).await;
    assert_eq!(world.git("sample", &["rev-parse", &run.branch]), run.head_commit.expect("a commit"));
    world.stop().await;

    let mut plain = std::net::TcpStream::connect((engine.address(), engine::PORT)).expect("a connection");
    plain.write_all(b"a word in clear").expect("sent");
    let passed = network.until(b"a word in clear");
    assert!(64 << 10 < passed.len(), "the run itself was on this network: {} bytes", passed.len());
    for secret in ["Bearer ", "CAISSON_TOKEN", "PRIVATE KEY", "First step.", "/git-clone"] {
        let found = passed.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "{secret} was in clear");
    }
}
