//! Reads along what an answer says of its usage. It sees bytes as they pass, cut anywhere; they are
//! neither changed nor kept longer than needed.

mod events;

use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::Value;

use self::events::Events;
use crate::broker::usage::Counted;

/// The most of an answer that is kept to be read: no answer that is not streamed is as long.
const LARGEST: usize = 8 << 20;

/// What an answer has said of itself so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The model that answers.
    pub model: Option<String>,
    pub usage: Counted,
}

/// Reads one answer along.
#[derive(Debug)]
pub(super) enum Reader {
    /// Server-sent events.
    Events(Events),
    /// One JSON object.
    Whole(Whole),
}

impl Reader {
    /// The reader for an answer with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream") {
            Self::Events(Events::default())
        } else {
            Self::Whole(Whole::default())
        }
    }

    /// Reads the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Events(events) => events.feed(bytes),
            Self::Whole(whole) => whole.feed(bytes),
        }
    }

    /// Whether the answer said that it has ended.
    pub(super) fn is_finished(&self) -> bool {
        match self {
            Self::Events(events) => events.is_finished(),
            Self::Whole(_) => false,
        }
    }

    /// What it has said so far.
    pub(super) fn heard(&self) -> Heard {
        match self {
            Self::Events(events) => events.heard(),
            Self::Whole(whole) => whole.heard(),
        }
    }
}

/// An answer that can be read only when all of it is there.
#[derive(Debug, Default)]
pub(super) struct Whole {
    bytes: Vec<u8>,
    is_too_large: bool,
}

/// A message of the model, or what its stream begins with.
#[derive(Deserialize)]
struct Message {
    model: Option<String>,
    #[serde(default)]
    usage: Value,
}

impl Whole {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.is_too_large || LARGEST - self.bytes.len() < bytes.len() {
            *self = Self { bytes: Vec::new(), is_too_large: true };
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn heard(&self) -> Heard {
        let mut heard = Heard::default();
        if let Ok(message) = serde_json::from_slice(&self.bytes) {
            heard.begin(message);
        }
        heard
    }

    /// The sentence in an error answer, if it has one.
    pub(super) fn error_message(&self) -> Option<String> {
        let error = serde_json::from_slice::<Value>(&self.bytes).ok()?;
        error["error"]["message"].as_str().map(str::to_owned)
    }
}

impl Heard {
    fn begin(&mut self, message: Message) {
        self.model = message.model;
        self.usage.update(&message.usage);
    }
}

#[cfg(test)]
mod tests;
