//! The script of a scripted model, as it is written. Every key is optional; an unknown one is refused.
//!
//! Patterns are those of the crate `regex`: no look-around, no back-references; a dot matches line ends.

use std::{collections::BTreeMap, num::NonZeroUsize, path::Path};

use axum::http::StatusCode;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use crate::broker::json_file;

/// A whole script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Script {
    /// Characters per delta.
    pub chunk: NonZeroUsize,
    /// Pause between deltas.
    pub delay_ms: u64,
    /// The main conversation.
    pub turns: Vec<Turn>,
    /// Tried in order, before `turns`.
    pub conversations: Vec<Conversation>,
    /// Answers to requests without tools (titles, …) and to compaction.
    pub side: Vec<Side>,
    /// When a conversation runs out of turns.
    pub default: Turn,
    /// More names for `${NAME}`.
    pub variables: BTreeMap<String, String>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            chunk: NonZeroUsize::MIN.saturating_add(15),
            delay_ms: 5,
            turns: Vec::new(),
            conversations: Vec::new(),
            side: Vec::new(),
            default: Turn::saying("Done."),
            variables: BTreeMap::new(),
        }
    }
}

/// A conversation of its own for requests that match.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Conversation {
    pub r#match: Match,
    pub count_from: CountFrom,
    pub turns: Vec<Turn>,
}

/// All patterns that are there must match.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Match {
    /// The last human prompt.
    pub prompt: Option<Pattern>,
    /// The first human prompt.
    pub first_prompt: Option<Pattern>,
    /// The system prompt.
    pub system: Option<Pattern>,
    /// The model that is asked for.
    pub model: Option<Pattern>,
}

/// From where a conversation's assistant messages are counted, to know which turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CountFrom {
    /// From its start.
    #[default]
    Start,
    /// From the last human prompt, so the same prompt can be answered again and again.
    Prompt,
}

/// The answer to a side request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Side {
    #[serde(default)]
    pub r#match: Match,
    pub text: String,
}

/// One answer of the model. Its blocks come in the order of the keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Turn {
    pub thinking: Option<String>,
    pub text: Option<String>,
    pub tools: Vec<Tool>,
    /// Raw content blocks instead of the three above.
    pub blocks: Vec<Block>,
    pub stop_reason: Option<String>,
    /// Over the estimate, key by key.
    pub usage: Map<String, Value>,
    pub model: Option<String>,
    /// More headers of the answer.
    pub headers: BTreeMap<String, String>,
    /// Answered first, `times` each.
    pub errors: Vec<Failure>,
    /// Pause before the answer.
    pub before_ms: u64,
    pub delay_ms: Option<u64>,
    pub chunk: Option<NonZeroUsize>,
    /// All but the end, then silence.
    pub hang: Hang,
    /// All but the end, then the connection is dropped.
    pub cut: bool,
    /// All but the end, then an error event of this type.
    pub stream_error: Option<String>,
}

impl Turn {
    /// A turn that only says something.
    pub(super) fn saying(text: &str) -> Self {
        Self { text: Some(text.to_owned()), ..Self::default() }
    }
}

/// A tool call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tool {
    /// One is made up when there is none.
    pub id: Option<String>,
    pub name: String,
    #[serde(default)]
    pub input: Map<String, Value>,
}

/// A raw content block: an object with a `type`, and with what its type needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct Block(pub Map<String, Value>);

impl TryFrom<Map<String, Value>> for Block {
    type Error = String;

    fn try_from(block: Map<String, Value>) -> Result<Self, String> {
        let kind = block.get("type").and_then(Value::as_str).ok_or("a block needs a `type`")?;
        let needed = match kind {
            "text" => "text",
            "thinking" => "thinking",
            "tool_use" => "name",
            _ => return Ok(Self(block)),
        };
        match block.get(needed) {
            Some(Value::String(_)) => Ok(Self(block)),
            _ => Err(format!("a `{kind}` block needs a string `{needed}`")),
        }
    }
}

/// An error answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Failure {
    #[serde(deserialize_with = "error_status")]
    pub status: StatusCode,
    /// How often, before the turn goes on.
    pub times: u32,
    /// The one that goes with the status, when there is none.
    pub r#type: Option<String>,
    pub message: Option<String>,
    pub headers: BTreeMap<String, String>,
}

impl Default for Failure {
    fn default() -> Self {
        Self { status: overloaded(), times: 1, r#type: None, message: None, headers: BTreeMap::new() }
    }
}

fn overloaded() -> StatusCode {
    StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

fn error_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let status = StatusCode::from_u16(number).ok().filter(|_| (400..600).contains(&number));
    status.ok_or_else(|| D::Error::custom(format!("an error status is 400 to 599, not {number}")))
}

/// Whether an answer stops before its end and stays open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hang {
    #[default]
    No,
    /// `true`: pings go on.
    Pinging,
    /// `"silent"`: nothing comes any more.
    Silent,
}

impl<'de> Deserialize<'de> for Hang {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self::Pinging),
            Value::Bool(false) => Ok(Self::No),
            Value::String(text) if text == "silent" => Ok(Self::Silent),
            other => Err(D::Error::custom(format!("`hang` is true, false or \"silent\", not {other}"))),
        }
    }
}

/// A regular expression that may match anywhere in a text.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let regex = RegexBuilder::new(&text).dot_matches_new_line(true).build();
        regex.map(Self).map_err(|error| {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            D::Error::custom(format!("{text:?} is not a pattern: {why}"))
        })
    }
}

impl Script {
    /// Reads a script from a file.
    pub(super) fn load(file: &Path) -> Result<Self, json_file::Error> {
        json_file::load(file)
    }
}

#[cfg(test)]
mod tests;
