//! Streams: any cut and resume gives what an uncut reader got; a restart keeps what was said.

use api::executor::{ExecutionLine, ExitCause};
use proptest::{collection::vec, prelude::*};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{ANSWER, World, exit, lines, message, parse, raw, read_until};

/// Says many lines of very different lengths.
const TALKER: &str = r#"read -r prompt
for i in $(seq 60); do echo "line $i"; echo "stderr $i" >&2; done
head -c 200000 /dev/zero | tr '\0' y; echo
for i in $(seq 60); do echo "more $i"; done"#;

/// Reads a stream of `World::events` until at least this many bytes came, and gives up the connection.
async fn read_some(world: &World, after: u64, most: usize) -> String {
    let mut response = world.events("a", after).await;
    let mut bytes = Vec::new();
    while bytes.len() < most {
        match response.chunk().await.unwrap() {
            Some(chunk) => bytes.extend(chunk),
            None => break,
        }
    }
    bytes.truncate(most);
    // What follows the last line end did not arrive.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    String::from_utf8(bytes[..whole].to_vec()).unwrap()
}

#[tokio::test]
async fn resuming_after_any_line_gives_exactly_the_rest() {
    let world = World::start(TALKER).await;
    let uncut = world.execute("a").await;
    assert_eq!(uncut.len(), 183);
    for after in 0..=uncut.len() {
        let rest = lines(world.events("a", after as u64).await).await;
        assert_eq!(rest, uncut[after..]);
    }
}

#[test]
fn any_cuts_and_resumes_give_the_uncut_list() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start(TALKER));
    let uncut = runtime.block_on(world.execute("a"));
    proptest!(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() },
        |(cuts in vec(1_usize..300_000, 0..8))| {
        let pieced = runtime.block_on(async {
            let mut pieced: Vec<ExecutionLine> = Vec::new();
            for most in cuts.into_iter().chain([usize::MAX]) {
                let after = pieced.last().and_then(ExecutionLine::n).unwrap_or_default();
                pieced.extend(parse(&read_some(&world, after, most).await));
            }
            pieced
        });
        prop_assert_eq!(&pieced, &uncut);
    });
}

#[tokio::test]
async fn a_dropped_connection_does_not_stop_the_execution() {
    let world = World::start("echo ready\nread -r prompt\nread -r go\necho went on").await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    drop(stream);
    world.post("/executions/a/input", message("1", "go")).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(raw(&all), ["ready", "went on"]);
    assert_eq!(exit(&all).cause, ExitCause::Exited);
}

#[tokio::test]
async fn tokens_come_live_between_the_lines_and_are_not_kept() {
    let delta = |text: &str| {
        json!({"type": "stream_event", "event": {"type": "content_block_delta",
               "delta": {"type": "text_delta", "text": text}}})
    };
    let script = format!(
        "read -r prompt\necho ready\nread -r go\necho '{}'\nread -r go\necho '{}'",
        delta("one"),
        json!({"type": "other"})
    );
    let world = World::start(&script).await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    world.post("/executions/a/input", message("2", "go")).await;
    read_until(&mut stream, r#"{"type":"partial","text":"one","block":"text"}"#).await;
    world.post("/executions/a/input", message("3", "go")).await;
    let kept = lines(world.events("a", 0).await).await;
    assert_eq!(raw(&kept), ["ready", r#"{"type":"other"}"#]);
    assert!(kept.iter().all(|line| line.n().is_some()));
}

#[tokio::test]
async fn acknowledged_lines_are_gone_and_the_rest_stays_also_after_a_restart() {
    let mut world = World::start(TALKER).await;
    let uncut = world.execute("a").await;
    assert_eq!(world.post("/executions/a/ack", json!({"n": 150})).await.status(), StatusCode::NO_CONTENT);
    for restarted in [false, true] {
        if restarted {
            world = world.restart().await;
        }
        assert_eq!(world.events("a", 149).await.status(), StatusCode::GONE);
        assert_eq!(lines(world.events("a", 150).await).await, uncut[150..]);
        // Following it again begins with what is left.
        assert_eq!(lines(world.begin("a").await).await, uncut[150..]);
    }
}

#[tokio::test]
async fn a_stopped_executor_ends_its_agent_and_a_new_one_still_has_the_lines() {
    let world = World::start("echo ready\nread -r prompt\nread -r wait\nsleep 1000.201").await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    let world = world.restart().await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(raw(&all), ["ready"]);
    assert_eq!(exit(&all).cause, ExitCause::Cancelled);
}

#[tokio::test]
async fn an_execution_whose_executor_died_is_ended_by_the_next_one() {
    let world = World::start(ANSWER).await;
    let uncut = world.execute("a").await;
    let (folder, config) = world.stop().await;
    // As a killed executor leaves it: no end, and half a line.
    let path = config.spool.join("a.ndjson");
    let text = std::fs::read_to_string(&path).unwrap();
    let second = text.match_indices('\n').nth(1).unwrap().0 + 1;
    std::fs::write(&path, &text[..second + 10]).unwrap();
    let world = World::serve(folder, config).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(all[..2], uncut[..2]);
    assert_eq!(all.len(), 3);
    assert_eq!(exit(&all).cause, ExitCause::ExecutorRestarted);
    assert_eq!(all[2].n(), Some(3));
}
