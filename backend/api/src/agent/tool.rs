//! Tool calls and what they return.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct ToolCall {
    /// What its result names.
    pub id: String,
    /// The tool, as the agent calls it.
    pub name: String,
    /// What kind of tool it is.
    pub kind: ToolKind,
    /// What the call is about: a command, a path, a pattern. May be empty.
    pub title: String,
    /// What it is called with, in the agent's own form; long texts in it are cut, and one that is long without
    /// them is `null`.
    pub input: Value,
    /// The files it reads or changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// What of the input is worth showing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<ToolContent>,
}

impl ToolCall {
    /// The text at this JSON pointer into the input; empty where there is none.
    #[must_use]
    pub fn text_at(&self, pointer: &str) -> &str {
        self.input.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The kinds of tools, as in the Agent Client Protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// Reads files.
    Read,
    /// Changes or makes files.
    Edit,
    /// Removes files.
    Delete,
    /// Moves files.
    Move,
    /// Searches.
    Search,
    /// Runs a command.
    Execute,
    /// Plans, or lets a subagent think.
    Think,
    /// Fetches from the network.
    Fetch,
    /// Anything else.
    #[default]
    Other,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Location {
    /// The file, as the agent names it.
    pub path: String,
    /// The first line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// How many lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
}

/// What of a call is worth showing. The texts are in the call's input, named by JSON pointers, so that none is
/// there twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolContent {
    /// A text.
    Text {
        /// Where it is.
        text: String,
    },
    /// A change of a file.
    Diff {
        /// Where the replaced text is; `null` when the whole file is written.
        old: Option<String>,
        /// Where the new text is.
        new: String,
    },
}

/// What a tool returned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The call.
    pub id: String,
    /// Whether it went well.
    pub ok: bool,
    /// The exit code of a command, where the agent says it.
    pub exit_code: Option<i32>,
    /// What it returned, as text.
    pub output: String,
    /// Images it returned; they themselves are in the raw line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

/// An image in a tool's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes, about.
    pub bytes: u64,
}
