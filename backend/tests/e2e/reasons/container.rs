//! The container is too small, full, broken, or gone.

use std::process::Command;

use api::{event::EventBody, run::Reason};

use crate::harness::{World, docker, ends, events_of, follow, image_with, launch, output, step};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_fit_into_its_memory_is_told_as_that() {
    let world = World::start(&["--memory=80m"]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("First step.", &[])], &world.repository("sample")).await;
    let run = ends(&client, run.id, Reason::OutOfMemory).await;
    assert!(run.detail.expect("a detail").contains("memory"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_killed_for_memory_does_not_end_the_run() {
    let world = World::start(&["--memory=1g"]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[eat memory]]", &[])], &world.repository("sample")).await;
    let events = events_of(&client, run.id).await;
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.body, EventBody::Notice(notice) if notice.about == "memory"))
    );
    ends(&client, run.id, Reason::NoChanges).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_as_that() {
    let world = World::start(&[]).await;
    let client = world.client().await;
    let steps = vec![step("[[wait for it]]", &[]), step("First step.", &[])];
    let run = launch(&client, steps, &world.repository("sample")).await;
    assert!(follow(&client, run.id, |event| matches!(&event.body, EventBody::Agent(_))).await);
    // The second step's lines go to a disk of one page, mounted from outside: nobody in there may.
    let container = world.container();
    let process = docker(&["inspect", "--format", "{{.State.Pid}}", &container]);
    let full = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700,uid=990", "none", "/var/lib/caisson"];
    output(Command::new("nsenter").args(["--target", &process, "--mount"]).args(full));
    docker(&["exec", "--user", "1000", &container, "touch", "/workspace/go"]);
    ends(&client, run.id, Reason::DiskFull).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_that_cannot_be_set_up_ends_the_run() {
    let broken = image_with("no-firewall", "RUN rm /usr/sbin/nft && ln -s /bin/false /usr/sbin/nft");
    let world = World::start(&[&format!("--image={broken}")]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("First step.", &[])], &world.repository("sample")).await;
    ends(&client, run.id, Reason::FirewallFailed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_ends_while_it_starts_is_no_fault_of_the_task() {
    let broken = image_with("no-executor", "RUN ln -sf /bin/false /usr/local/bin/caisson-executor");
    let world = World::start(&[&format!("--image={broken}")]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("First step.", &[])], &world.repository("sample")).await;
    ends(&client, run.id, Reason::Internal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_executor_is_killed_is_lost_but_its_work_is_not() {
    let world = World::start(&["--auto-retries=0"]).await;
    let client = world.client().await;
    let run = launch(&client, vec![step("[[half done]]", &[])], &world.repository("sample")).await;
    let waits = |body: &EventBody| matches!(body, EventBody::Agent(line) if line.raw.contains("sleep 300"));
    assert!(follow(&client, run.id, |event| waits(&event.body)).await);
    let container = world.container();
    let kill = ["exec", "--user", "0", &container, "pkill", "-KILL", "-x", "caisson-executo"];
    // Whether it says so or not: the container may be gone before it can.
    Command::new("docker").args(kill).output().expect("docker runs");
    let run = ends(&client, run.id, Reason::InstanceLost).await;
    assert_eq!(world.git("sample", &["log", "-1", "--format=%s", &run.branch]), "Half of it");
    assert!(run.artifacts.iter().any(|artifact| artifact.name == "uncommitted.patch"), "{:?}", run.artifacts);
    world.emptied().await;
}
