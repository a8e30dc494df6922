//! Readers that are slow, and logs that cannot be read: nobody is left waiting for ever.

use std::sync::{Arc, Mutex};

use api::stream::Parts;
use jsonrpsee::RpcModule;
use serde_json::Value;
use tokio::sync::mpsc;

use super::*;

/// A place in the buffer that stays full for this long is full for good, as nobody reads yet.
const SHORT: Duration = Duration::from_millis(1);
/// The places in the buffer.
const PLACES: usize = 3;

/// Subscribes to a stream of events without end, or to one that fails.
async fn subscribe(fails: bool) -> (mpsc::Receiver<Box<serde_json::value::RawValue>>, mpsc::Receiver<()>) {
    let (held, dropped) = mpsc::channel(1);
    let mut module = RpcModule::new(Mutex::new(Some(held)));
    let served =
        module.register_subscription("follow", "frame", "leave", move |_, pending, held, _| async move {
            let sink = pending.accept().await?;
            let held = held.lock().expect("whole").take();
            let events = (8..).map(move |seq| {
                // Dropped together with the stream.
                let _held = &held;
                if fails {
                    return Err(Error::Closed);
                }
                let event = format!(r#"{seq} 0 1 notice {{"about":"test","text":"x"}}"#).parse();
                Ok(Outgoing::Item { event: Arc::new(event?) })
            });
            let stop = CancellationToken::new();
            frames_within(SHORT, sink, futures::stream::iter(events), 7, stop).await
        });
    served.expect("a name of its own");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"follow"}"#;
    let (_, messages) = module.raw_json_request(call, PLACES).await.expect("a subscription");
    drop(module);
    (messages, dropped)
}

#[tokio::test]
async fn a_slow_reader_is_let_go_at_once_and_hears_later_where_to_go_on() {
    let (mut messages, mut dropped) = subscribe(false).await;
    // Nothing was read, and yet the stream and what it holds are gone.
    assert!(dropped.recv().await.is_none(), "the stream is dropped while its reader sleeps");
    let mut seen = 7;
    loop {
        let message = messages.recv().await.expect("a word before the end");
        let message: Value = serde_json::from_str(message.get()).expect("JSON");
        let frame = &message["params"]["result"];
        if frame["type"] == "resync" {
            assert_eq!(frame["after"], seen, "the last number that was sent");
            break;
        }
        seen += 1;
        assert_eq!(frame["event"]["seq"], seen, "no gap and no double");
    }
    assert!(7 < seen && seen <= 7 + PLACES as i64 + 1, "{seen}: only what the buffer holds");
    assert!(messages.recv().await.is_none(), "nothing comes after it");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_ends_the_subscription_aloud() {
    let (mut messages, _dropped) = subscribe(true).await;
    let message = messages.recv().await.expect("a word before the end");
    let message: Value = serde_json::from_str(message.get()).expect("JSON");
    assert!(message["params"]["error"].is_string(), "{message}");
}

#[tokio::test]
async fn a_reader_that_is_late_inside_a_long_event_comes_back_for_the_whole() {
    let (held, mut dropped) = mpsc::channel::<()>(1);
    let mut module = RpcModule::new(Mutex::new(Some(held)));
    let served = module.register_subscription("follow", "frame", "leave", |_, pending, held, _| async move {
        let sink = pending.accept().await?;
        let held = held.lock().expect("whole").take();
        let events = [(1, 1), (2, 1 << 20), (3, 1)].into_iter().map(move |(seq, bytes)| {
            // Dropped together with the stream.
            let _held = &held;
            let text = "x".repeat(bytes);
            let event = format!(r#"{seq} 0 1 notice {{"about":"test","text":"{text}"}}"#).parse();
            Ok(Outgoing::Item { event: Arc::new(event?) })
        });
        let stop = CancellationToken::new();
        frames_within(SHORT, sink, futures::stream::iter(events), 0, stop).await
    });
    served.expect("a name of its own");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"follow"}"#;
    let (_, mut messages) = module.raw_json_request(call, PLACES).await.expect("a subscription");
    drop(module);
    assert!(dropped.recv().await.is_none(), "it is let go");
    let (mut parts, mut whole) = (Parts::default(), Vec::new());
    while let Some(message) = messages.recv().await {
        let message: Value = serde_json::from_str(message.get()).expect("JSON");
        let frame = serde_json::from_value(message["params"]["result"].clone()).expect("a frame");
        whole.extend(parts.whole(frame));
    }
    let [Frame::Item { event }, Frame::Resync { after: 1 }] = &whole[..] else { panic!("{whole:?}") };
    assert_eq!(event.seq, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_is_looked_at_a_few_times_a_second() {
    let mut module = RpcModule::new(());
    let (looked, mut looks) = mpsc::channel(1);
    let served = module.register_subscription("follow", "frame", "leave", move |_, pending, _, _| {
        let looked = looked.clone();
        async move {
            let sink = pending.accept().await?;
            let socket = Socket { sink: &sink, patience: PATIENCE, waiting: [WAITING].into() };
            sink.send(message(&sink, &"it waits")?).await?;
            let count = looks_until_late(socket).await;
            looked.send(count).await?;
            Ok(())
        }
    });
    served.expect("a name of its own");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"follow"}"#;
    let (_, _messages) = module.raw_json_request(call, PLACES).await.expect("a subscription");
    let looks = looks.recv().await.expect("a count");
    assert!((50..=100).contains(&looks), "{looks} in ten seconds");
}

/// How often it is looked whether there is room.
async fn looks_until_late(mut socket: Socket<'_>) -> usize {
    let mut looks = 0;
    let until = socket.soon();
    let mut waiting = Box::pin(socket.room(until));
    let late = std::future::poll_fn(|context| {
        looks += 1;
        waiting.as_mut().poll(context)
    });
    assert!(matches!(late.await, Err(Untaken::Late)));
    looks
}
