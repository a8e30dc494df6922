//! A message as a stream of server-sent events, at the script's pace and with the script's mishaps.

use std::{future, iter, time::Duration};

use async_stream::stream;
use bytes::Bytes;
use futures::Stream;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    message::Message,
    script::{Hang, Script, Turn},
};

/// How often a hanging stream pings.
const PING: Duration = Duration::from_millis(500);
/// What was said before a cut must be on its way first: an error discards what is only buffered.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// How a message is streamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Characters per delta.
    pub chunk: usize,
    /// Pause after a delta.
    pub delay: Duration,
    /// What happens before the end.
    pub mishap: Mishap,
}

/// What happens before the end of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mishap {
    /// An error event of this type.
    pub error: Option<String>,
    /// It stays open.
    pub hang: Hang,
    /// The connection is dropped.
    pub cut: bool,
}

impl Pace {
    /// The pace of a turn, with the script's own where the turn says nothing.
    pub(super) fn of(turn: &Turn, script: &Script) -> Self {
        Self {
            chunk: turn.chunk.unwrap_or(script.chunk).get(),
            delay: Duration::from_millis(turn.delay_ms.unwrap_or(script.delay_ms)),
            mishap: Mishap {
                error: turn.stream_error.clone().filter(|error| !error.is_empty()),
                hang: turn.hang,
                cut: turn.cut,
            },
        }
    }
}

/// The error that makes the server drop the connection.
#[derive(Debug, thiserror::Error)]
#[error("the script cuts the stream here")]
pub(super) struct Cut;

/// The body of a streamed answer.
pub(super) fn body(message: Message, pace: Pace) -> impl Stream<Item = Result<Bytes, Cut>> + Send {
    stream! {
        let Pace { chunk, delay, mishap } = pace;
        let unfinished = mishap != Mishap::default();
        for event in events(&message, chunk) {
            if unfinished && event["type"] == "message_delta" {
                break;
            }
            yield Ok(frame(&event));
            if event["type"] == "content_block_delta" {
                sleep(delay).await;
            }
        }
        if let Some(kind) = &mishap.error {
            yield Ok(frame(&json!({"type": "error", "error": {"type": kind, "message": "Overloaded"}})));
        }
        // Until the client goes away: nobody asks for the rest then.
        match mishap.hang {
            Hang::No => {}
            Hang::Silent => future::pending::<()>().await,
            Hang::Pinging => loop {
                sleep(PING).await;
                yield Ok(frame(&ping()));
            },
        }
        if mishap.cut {
            sleep(BEFORE_CUT).await;
            yield Err(Cut);
        }
    }
}

/// The events of a streamed message, one at a time; the last two end it.
pub(super) fn events(message: &Message, chunk: usize) -> impl Iterator<Item = Value> {
    let opening = json!({"type": "message_start", "message": message.opening()});
    let blocks = message.content.iter().enumerate();
    let ending = json!({
        "type": "message_delta",
        "delta": {"stop_reason": message.stop_reason, "stop_sequence": null},
        "usage": message.usage,
    });
    [opening, ping()]
        .into_iter()
        .chain(blocks.flat_map(move |(index, block)| block_events(index, block, chunk)))
        .chain([ending, json!({"type": "message_stop"})])
}

fn block_events(index: usize, block: &Value, chunk: usize) -> impl Iterator<Item = Value> {
    let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
    let mut empty = block.clone();
    // Field of the delta, its text, and how much of it goes into one.
    let deltas = match block["type"].as_str() {
        Some("text") => {
            empty = json!({"type": "text", "text": ""});
            vec![("text_delta", "text", text("text"), chunk)]
        }
        Some("thinking") => {
            empty = json!({"type": "thinking", "thinking": "", "signature": ""});
            let signature = ("signature_delta", "signature", text("signature"), usize::MAX);
            vec![("thinking_delta", "thinking", text("thinking"), chunk), signature]
        }
        Some("tool_use") => {
            empty["input"] = json!({});
            vec![("input_json_delta", "partial_json", block["input"].to_string(), chunk)]
        }
        _ => Vec::new(),
    };
    let deltas = deltas.into_iter().flat_map(move |(kind, field, whole, chunk)| {
        pieces(whole, chunk).map(move |piece| {
            json!({"type": "content_block_delta", "index": index, "delta": {"type": kind, field: piece}})
        })
    });
    iter::once(json!({"type": "content_block_start", "index": index, "content_block": empty}))
        .chain(deltas)
        .chain([json!({"type": "content_block_stop", "index": index})])
}

/// The text in pieces of so many characters.
fn pieces(text: String, chunk: usize) -> impl Iterator<Item = String> {
    let mut at = 0;
    iter::from_fn(move || {
        let rest = &text[at..];
        let end = rest.char_indices().nth(chunk).map_or(rest.len(), |(end, _)| end);
        at += end;
        (0 < end).then(|| rest[..end].to_owned())
    })
}

fn ping() -> Value {
    json!({"type": "ping"})
}

fn frame(event: &Value) -> Bytes {
    let kind = event["type"].as_str().unwrap_or_default();
    format!("event: {kind}\ndata: {event}\n\n").into()
}

#[cfg(test)]
mod tests;
