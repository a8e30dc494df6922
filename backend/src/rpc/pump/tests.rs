//! Readers that are slow, and logs that cannot be read: nobody is left waiting for ever.

use std::sync::{Arc, Mutex};

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
