//! A tool call as a card: its kind, what it acts on, what it changes, and how it ended.

use api::Timestamp;
use serde_json::Value;

use super::diff::{self, DiffLine};

/// A call of a tool and, once it is there, its answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolCall {
    /// What the answer names.
    pub(crate) id: String,
    /// What kind of tool, in a word: `Shell`, `Edit`.
    pub(crate) kind: String,
    /// What it acts on: a command, a path, a pattern.
    pub(crate) object: String,
    /// What the call itself shows.
    pub(crate) body: Body,
    /// The answer.
    pub(crate) answer: Option<Answer>,
}

/// What a call shows below its head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    /// Nothing; the answer is what counts.
    None,
    /// The change it makes.
    Diff(Vec<DiffLine>),
    /// A to-do list: state and text of each entry.
    Todo(Vec<(String, String)>),
    /// A text, such as what a subagent is told.
    Text(String),
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) text: String,
    /// Whether it is an error.
    pub(crate) is_error: bool,
}

impl ToolCall {
    /// Reads a call; paths are told from the root of the repository on. An unknown tool is shown by its name and its input.
    pub(crate) fn read(id: String, name: &str, input: &Value) -> Self {
        let text = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
        let path = |key: &str| relative(&text(key)).to_owned();
        let (kind, object, body) = match name {
            "Bash" => ("Shell", text("command"), Body::None),
            "BashOutput" | "KillShell" | "KillBash" => ("Shell", name.to_owned(), Body::None),
            "Edit" => {
                ("Edit", path("file_path"), Body::Diff(diff::diff(&text("old_string"), &text("new_string"))))
            }
            "MultiEdit" => ("Edit", path("file_path"), Body::Diff(all_edits(&input["edits"]))),
            "Write" => ("Write", path("file_path"), Body::Diff(diff::added(&text("content")))),
            "NotebookEdit" => ("Edit", path("notebook_path"), Body::Diff(diff::added(&text("new_source")))),
            "Read" => ("Read", read_object(input), Body::None),
            "Grep" | "Glob" => ("Search", search_object(input), Body::None),
            "WebFetch" => ("Web", text("url"), Body::None),
            "WebSearch" | "ToolSearch" => ("Search", text("query"), Body::None),
            "TodoWrite" => ("Plan", String::new(), Body::Todo(todo(&input["todos"]))),
            "Task" | "Agent" => ("Subagent", text("description"), Body::Text(text("prompt"))),
            _ => return Self::unknown(id, name, input),
        };
        Self { id, kind: kind.to_owned(), object, body, answer: None }
    }

    fn unknown(id: String, name: &str, input: &Value) -> Self {
        // `mcp__server__tool` is a tool of a server of the user's.
        let kind = name.strip_prefix("mcp__").unwrap_or(name).replace("__", ": ");
        let object = match input.as_object() {
            Some(fields) if fields.is_empty() => String::new(),
            _ => input.to_string(),
        };
        Self { id, kind, object, body: Body::None, answer: None }
    }

    /// How it ended, in a word, and whether that is bad; `None` while it works and where it says nothing new.
    pub(crate) fn verdict(&self) -> Option<(String, bool)> {
        let answer = self.answer.as_ref()?;
        match (exit_code(&answer.text), answer.is_error) {
            (Some(code), true) => Some((format!("exit {code}"), true)),
            (None, true) => Some(("error".to_owned(), true)),
            (_, false) if self.kind == "Shell" => Some(("exit 0".to_owned(), false)),
            (_, false) => None,
        }
    }

    /// What of the answer is worth showing: an edit that went well only repeats what the call shows.
    pub(crate) fn output(&self) -> &str {
        match &self.answer {
            Some(answer) if answer.is_error || matches!(self.body, Body::None | Body::Text(_)) => {
                without_exit_code(&answer.text)
            }
            _ => "",
        }
    }

    /// Whether the answer is what one wants to see, rather than that it was read.
    pub(crate) fn shows_output(&self) -> bool {
        !matches!(self.kind.as_str(), "Read" | "Search")
            || self.answer.as_ref().is_some_and(|answer| answer.is_error)
    }

    /// How long it took, in milliseconds.
    pub(crate) fn took(&self, called: Timestamp) -> Option<i64> {
        let answer = self.answer.as_ref()?;
        Some((answer.at.as_millisecond() - called.as_millisecond()).max(0))
    }
}

/// A path without the folder that every run's repository is in.
fn relative(path: &str) -> &str {
    path.strip_prefix("/workspace/").unwrap_or(path)
}

fn all_edits(edits: &Value) -> Vec<DiffLine> {
    let edits = edits.as_array().into_iter().flatten();
    let text = |edit: &Value, key: &str| edit[key].as_str().unwrap_or_default().to_owned();
    edits.flat_map(|edit| diff::diff(&text(edit, "old_string"), &text(edit, "new_string"))).collect()
}

fn read_object(input: &Value) -> String {
    let path = relative(input["file_path"].as_str().unwrap_or_default());
    match (input["offset"].as_u64(), input["limit"].as_u64()) {
        (from, Some(limit)) => format!("{path}:{}-{}", from.unwrap_or(1), from.unwrap_or(1) + limit - 1),
        (Some(from), None) => format!("{path}:{from}"),
        (None, None) => path.to_owned(),
    }
}

fn search_object(input: &Value) -> String {
    let pattern = input["pattern"].as_str().unwrap_or_default();
    match input["path"].as_str().or_else(|| input["glob"].as_str()) {
        Some(place) => format!("{pattern} in {}", relative(place)),
        None => pattern.to_owned(),
    }
}

fn todo(todos: &Value) -> Vec<(String, String)> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    todos
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| (text(entry, "status"), text(entry, "content")))
        .collect()
}

/// The code in the first line of a failed shell call: `Exit code 101`.
fn exit_code(text: &str) -> Option<i32> {
    text.lines().next()?.strip_prefix("Exit code ")?.trim().parse().ok()
}

fn without_exit_code(text: &str) -> &str {
    match exit_code(text) {
        Some(_) => text.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example;
    use serde_json::json;

    fn answered(name: &str, text: &str, is_error: bool) -> ToolCall {
        let mut call = ToolCall::read("t".to_owned(), name, &json!({}));
        call.answer = Some(Answer { at: example::at(50), text: text.to_owned(), is_error });
        call
    }

    #[test]
    fn a_call_says_what_it_acts_on() {
        let object = |name: &str, input: Value| {
            let call = ToolCall::read("t".to_owned(), name, &input);
            format!("{} {}", call.kind, call.object)
        };
        assert_eq!(object("Bash", json!({"command": "cargo test"})), "Shell cargo test");
        assert_eq!(
            object("Read", json!({"file_path": "/workspace/a.rs", "offset": 10, "limit": 5})),
            "Read a.rs:10-14"
        );
        assert_eq!(object("Grep", json!({"pattern": "fn", "path": "src"})), "Search fn in src");
        assert_eq!(object("mcp__jira__get", json!({"key": "A-1"})), r#"jira: get {"key":"A-1"}"#);
    }

    #[test]
    fn an_edit_shows_its_change_and_not_the_tools_echo() {
        let input = json!({"file_path": "a.rs", "old_string": "x", "new_string": "y"});
        let mut call = ToolCall::read("t".to_owned(), "Edit", &input);
        call.answer = Some(Answer {
            at: example::at(1),
            text: "The file has been updated".to_owned(),
            is_error: false,
        });
        assert!(matches!(&call.body, Body::Diff(lines) if diff::totals(lines) == (1, 1)));
        assert_eq!((call.output(), call.verdict()), ("", None));
    }

    #[test]
    fn a_failed_command_names_its_exit_code_once() {
        let call = answered("Bash", "Exit code 101\ntest failed", true);
        assert_eq!(call.verdict(), Some(("exit 101".to_owned(), true)));
        assert_eq!(call.output(), "test failed");
        assert_eq!(call.took(example::at(2)), Some(48_000));
        assert_eq!(answered("Bash", "fine", false).verdict(), Some(("exit 0".to_owned(), false)));
        assert_eq!(answered("Grep", "no such path", true).verdict(), Some(("error".to_owned(), true)));
    }
}
