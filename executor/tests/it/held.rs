//! An agent whose output nobody acknowledges waits, its time-out with it, and nothing it said is lost.

use std::{os::unix::fs::MetadataExt, time::Duration};

use api::{
    agent::StopReason,
    executor::{ExecutionLine, ExitCause},
};
use serde_json::json;

use crate::harness::{World, exit, lines, message, parse, read_until, result};

/// How much may wait in these tests.
const UNREAD: u64 = 1 << 20;
/// Lines of 4 KiB, numbered, as many as are said.
const LINES: &str = "read -r prompt; pad=$(head -c 4096 /dev/zero | tr '\\0' x); echo ready\n";

async fn world(script: &str) -> World {
    World::start_with(&format!("{LINES}{script}"), |config| config.unread_bytes = UNREAD).await
}

/// How much the spool of execution `a` takes on disk.
fn spool(world: &World) -> u64 {
    std::fs::metadata(world.spool().join("a.ndjson")).unwrap().blocks() * 512
}

/// Runs to its end an agent that says things for ever, does not listen, and is cancelled once it has said enough.
async fn endless(script: &str) -> (World, Vec<ExecutionLine>) {
    let world = world(&format!("trap '' TERM\n{script}")).await;
    let mut stream = world.begin("a").await;
    let mut read = 0;
    while read <= UNREAD {
        read += stream.chunk().await.unwrap().unwrap().len() as u64;
    }
    world.post("/executions/a/cancel", json!({})).await;
    let all = lines(world.events("a", 0).await).await;
    (world, all)
}

#[tokio::test]
async fn output_without_end_takes_no_more_of_the_disk_than_may_wait() {
    for script in [
        "while :; do echo $pad; done",
        "while :; do echo $pad >&2; done",
        "(while :; do echo $pad; done) & exec sleep 1000.202",
    ] {
        let (world, all) = endless(script).await;
        assert_eq!(exit(&all).cause, ExitCause::Cancelled, "{script}");
        assert!(spool(&world) < 3 * UNREAD, "{script}: {} bytes", spool(&world));
    }
}

#[tokio::test]
async fn a_process_that_the_agent_leaves_behind_fills_nothing_after_its_end() {
    let world = world("(while :; do echo $pad; done) & exit 3").await;
    let all = world.execute("a").await;
    assert_eq!((exit(&all).cause, exit(&all).code), (ExitCause::Exited, Some(3)));
    assert!(spool(&world) < 3 * UNREAD, "{} bytes", spool(&world));
}

#[tokio::test]
async fn the_time_that_an_agent_waits_for_its_readers_does_not_count_and_all_of_it_arrives() {
    let world = world("for n in $(seq 1000); do echo $n $pad; done").await;
    let mut stream = world.begin_with("a", json!({"timeoutSeconds": 2})).await;
    read_until(&mut stream, "\"ready\"").await;
    // More than the time-out: nobody acknowledges, so it cannot end.
    let rest = tokio::time::timeout(Duration::from_secs(4), lines(world.events("a", 0).await)).await;
    assert!(rest.is_err(), "the agent waits");
    let (mut all, mut text) = (Vec::new(), String::new());
    let mut stream = world.events("a", 0).await;
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(&String::from_utf8_lossy(&chunk));
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        all.extend(parse(&text[..whole]));
        text.drain(..whole);
        if let Some(last) = all.last().and_then(ExecutionLine::n) {
            world.post("/executions/a/ack", json!({"n": last})).await;
        }
    }
    assert_eq!(exit(&all).cause, ExitCause::Exited);
    let numbers: Vec<_> = all.iter().filter_map(ExecutionLine::n).collect();
    assert_eq!(numbers, (1..=1003).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_agent_that_has_answered_is_not_called_hung_while_it_waits_for_its_readers() {
    let script = "echo '{\"type\":\"result\",\"is_error\":false}'\nfor n in $(seq 1000); do echo $pad; done";
    let world = World::start_with(&format!("{LINES}{script}"), |config| {
        (config.unread_bytes, config.result_grace_seconds) = (UNREAD, 1);
    })
    .await;
    drop(world.begin("a").await);
    let rest = tokio::time::timeout(Duration::from_secs(3), lines(world.events("a", 0).await)).await;
    assert!(rest.is_err(), "the agent waits");
    world.post("/executions/a/cancel", json!({})).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(exit(&all).cause, ExitCause::Cancelled);
}

#[tokio::test]
async fn the_last_words_of_an_agent_are_read_also_behind_a_line_longer_than_all_that_may_wait() {
    let line =
        r#"printf '{"type":"long","text":"%s"}\n' "$(head -c 4000000 /dev/zero | tr '\0' x)"; read -r more"#;
    let world = world(&format!("{line}\necho '{{\"type\":\"result\",\"is_error\":false}}'")).await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, r#"xxx\"}"#).await;
    world.call("/executions/a/input", message("1", "go on")).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(exit(&all).cause, ExitCause::Exited);
    assert_eq!(result(&all).stop_reason, StopReason::EndTurn);
}
