//! Server-sent events of a streamed message, read line by line.

use serde::Deserialize;
use serde_json::Value;

use super::{Heard, Message};

/// The longest line that is read. Those that tell the usage are far shorter; a longer one only passes.
const LONGEST_LINE: usize = 256 << 10;
/// How much text a token is, roughly. The agent reckons the same way when an answer is cut off.
const CHARACTERS_PER_TOKEN: usize = 4;

/// Reads a stream of events.
#[derive(Debug, Default)]
pub(in crate::broker::model) struct Events {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Whether that line is too long to be read.
    is_skipping: bool,
    heard: Heard,
    /// Characters that the model wrote.
    written: usize,
    /// Whether the output was counted by the model itself.
    is_counted: bool,
    is_finished: bool,
}

#[derive(Deserialize)]
struct Event {
    r#type: String,
    message: Option<Message>,
    #[serde(default)]
    usage: Value,
    delta: Option<Delta>,
}

#[derive(Deserialize)]
struct Delta {
    text: Option<String>,
    thinking: Option<String>,
    partial_json: Option<String>,
}

impl Events {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = lines.next() {
            self.keep(piece);
            if lines.peek().is_some() {
                self.end_line();
            }
        }
    }

    pub(super) const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// What was said so far. The model counts its output at the very end: without that it is estimated.
    pub(super) fn heard(&self) -> Heard {
        let mut heard = self.heard.clone();
        if !self.is_counted {
            let estimate = i64::try_from(self.written / CHARACTERS_PER_TOKEN).unwrap_or(i64::MAX);
            heard.usage.output = heard.usage.output.max(Some(estimate).filter(|tokens| 0 < *tokens));
        }
        heard
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.is_skipping || LONGEST_LINE - self.line.len() < piece.len() {
            self.is_skipping = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    fn end_line(&mut self) {
        let event = self.line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice(data).ok());
        if let Some(event) = event {
            self.read(event);
        }
        self.line.clear();
        self.is_skipping = false;
    }

    fn read(&mut self, event: Event) {
        match event.r#type.as_str() {
            "message_start" => {
                if let Some(message) = event.message {
                    self.heard.begin(message);
                }
            }
            "content_block_delta" => self.written += event.delta.map_or(0, |delta| delta.characters()),
            "message_delta" => {
                self.is_counted |= event.usage["output_tokens"].is_number();
                self.heard.usage.update(&event.usage);
            }
            "message_stop" => self.is_finished = true,
            _ => {}
        }
    }
}

impl Delta {
    fn characters(&self) -> usize {
        let texts = [&self.text, &self.thinking, &self.partial_json];
        texts.into_iter().flatten().map(|text| text.chars().count()).sum()
    }
}
