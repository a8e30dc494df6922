//! Following against a real WebSocket server that cuts, repeats and skips.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use api::{
    Timestamp,
    event::{EventBody, Notice},
    id::RunId,
};
use futures::StreamExt;
use jsonrpsee::{
    RpcModule, SubscriptionMessage,
    server::{ServerBuilder, ServerHandle},
};

use super::*;
use crate::cli::client::Server;

fn frame(seq: i64) -> Frame {
    let body = EventBody::Notice(Notice { about: "test".into(), text: seq.to_string() });
    Frame::Item { event: Event { seq, at: Timestamp::UNIX_EPOCH, step: None, body } }
}

/// What each connection is sent, in turn, and from which event it asked to go on.
struct Script {
    turns: Vec<Vec<Frame>>,
    turn: AtomicUsize,
    asked: std::sync::Mutex<Vec<i64>>,
}

/// A server whose subscriptions play the script, then end. A server that is stopped frees its port.
async fn serve(script: &Arc<Script>) -> (ServerHandle, String) {
    serve_on(script, "0").await
}

async fn serve_on(script: &Arc<Script>, port: &str) -> (ServerHandle, String) {
    let mut methods = RpcModule::new(script.clone());
    let registered = methods.register_subscription(
        "runs.onMessage",
        "runs.onMessage",
        "runs.offMessage",
        |params, pending, script, _| async move {
            let asked: serde_json::Value = params.parse().expect("parameters");
            script.asked.lock().expect("no panic").push(asked["after"].as_i64().expect("a number"));
            let turn = script.turn.fetch_add(1, Ordering::SeqCst);
            let sink = pending.accept().await.expect("a subscriber");
            for frame in &script.turns[turn.min(script.turns.len() - 1)] {
                let raw = serde_json::value::to_raw_value(frame).expect("JSON");
                sink.send(SubscriptionMessage::from(raw)).await.expect("sent");
            }
            // Keeps the subscription open until the server is stopped or the client leaves.
            if turn + 1 < script.turns.len() {
                return;
            }
            sink.closed().await;
        },
    );
    registered.expect("registered");
    let server = ServerBuilder::default().build(format!("127.0.0.1:{port}")).await.expect("a port");
    let address = format!("http://{}", server.local_addr().expect("bound"));
    (server.start(methods), address)
}

/// What a follower sees of this script, and from where it asked each time.
async fn seen(turns: Vec<Vec<Frame>>, after: i64) -> (Vec<String>, Vec<i64>) {
    let script = Arc::new(Script { turns, turn: AtomicUsize::new(0), asked: std::sync::Mutex::default() });
    let (server, address) = serve(&script).await;
    let client = Server::new(&address, None, &None).expect("valid").connect().await.expect("connected");
    let seen: Vec<Followed> =
        follow(client, RunId::mint(), after).map(|followed| followed.expect("no failure")).collect().await;
    server.stop().expect("still runs");
    let shown = seen.iter().map(|followed| match followed {
        Followed::Event(event) => event.seq.to_string(),
        Followed::Partial { text, .. } => format!("partial {text}"),
        Followed::Lost { next } => format!("lost, next {next}"),
    });
    let shown = shown.collect();
    let asked = script.asked.lock().expect("no panic").clone();
    (shown, asked)
}

#[tokio::test]
async fn a_resync_goes_on_after_the_last_event_without_a_word() {
    let first = vec![frame(1), frame(2), Frame::Resync { after: 2 }];
    let (seen, asked) = seen(vec![first, vec![frame(3), Frame::End]], 0).await;
    assert_eq!(seen, ["1", "2", "3"]);
    assert_eq!(asked, [0, 2]);
}

#[tokio::test]
async fn what_comes_twice_is_shown_once_and_a_gap_is_asked_for_again() {
    let first = vec![frame(1), frame(1), frame(2), frame(4)];
    let (seen, asked) = seen(vec![first, vec![frame(2), frame(3), frame(4), Frame::End]], 0).await;
    assert_eq!(seen, ["1", "2", "3", "4"]);
    assert_eq!(asked, [0, 2]);
}

#[tokio::test]
async fn following_begins_where_it_is_told_and_passes_tokens_on() {
    let partial = Frame::Partial { text: "Hel".into(), block: "text".into() };
    let (seen, asked) = seen(vec![vec![Frame::CaughtUp { seq: 7 }, partial, frame(8), Frame::End]], 7).await;
    assert_eq!(seen, ["partial Hel", "8"]);
    assert_eq!(asked, [7]);
}

#[tokio::test]
async fn a_lost_connection_is_told_once_and_resumed() {
    let turns = vec![vec![frame(1), frame(2)], vec![frame(3), Frame::End]];
    let script = Arc::new(Script { turns, turn: AtomicUsize::new(0), asked: std::sync::Mutex::default() });
    let (server, address) = serve(&script).await;
    let client = Server::new(&address, None, &None).expect("valid").connect().await.expect("connected");
    let mut events = std::pin::pin!(follow(client, RunId::mint(), 0));
    for seq in [1, 2] {
        let next = events.next().await.expect("an event").expect("no failure");
        assert!(matches!(next, Followed::Event(event) if event.seq == seq));
    }
    // The subscription has ended on the server's side; the connection goes with the server.
    server.stop().expect("still runs");
    server.stopped().await;
    let lost = events.next().await.expect("a word").expect("no failure");
    assert_eq!(lost, Followed::Lost { next: 3 });
    let port = address.rsplit(':').next().expect("a port").to_owned();
    let (again, _) = serve_on(&script, &port).await;
    let next = events.next().await.expect("an event").expect("no failure");
    assert!(matches!(next, Followed::Event(event) if event.seq == 3));
    assert!(events.next().await.is_none(), "the run has ended");
    assert_eq!(*script.asked.lock().expect("no panic"), [0, 2]);
    again.stop().expect("still runs");
}

#[test]
fn the_waits_grow_and_stay_bounded() {
    let mut backoff = Backoff::default();
    let waits: Vec<u128> = (0..8).map(|_| backoff.next().as_millis()).collect();
    assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
}
