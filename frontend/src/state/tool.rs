//! A tool call as a card: its kind, what it acts on, what it changes, and how it ended.

use api::{
    Timestamp,
    agent::{self, PlanEntry, PlanState, ToolContent, ToolKind},
};

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
    /// The exit code of a command, where the agent says it.
    pub(crate) exit_code: Option<i32>,
    /// Whether it is an error.
    pub(crate) is_error: bool,
}

impl ToolCall {
    /// Reads a call; a tool of no known kind is shown by its name.
    pub(crate) fn read(call: agent::ToolCall, plan: Option<Vec<PlanEntry>>) -> Self {
        let body = body(&call, plan);
        let kind = match (call.kind, &body) {
            (_, Body::Todo(_)) => "Plan".to_owned(),
            (ToolKind::Execute, _) => "Shell".to_owned(),
            (ToolKind::Edit, _) if is_written(&call.content) => "Write".to_owned(),
            (ToolKind::Edit, _) => "Edit".to_owned(),
            (ToolKind::Delete, _) => "Delete".to_owned(),
            (ToolKind::Move, _) => "Move".to_owned(),
            (ToolKind::Read, _) => "Read".to_owned(),
            (ToolKind::Search, _) => "Search".to_owned(),
            (ToolKind::Fetch, _) => "Web".to_owned(),
            (ToolKind::Think, Body::Text(_)) => "Subagent".to_owned(),
            // `mcp__server__tool` is a tool of a server of the user's.
            (ToolKind::Think | ToolKind::Other, _) => {
                call.name.strip_prefix("mcp__").unwrap_or(&call.name).replace("__", ": ")
            }
        };
        // A title may be cut; who looks at a command wants all of it.
        let object = match call.content.first() {
            Some(ToolContent::Text { text }) if call.kind == ToolKind::Execute => {
                call.text_at(text).to_owned()
            }
            _ => call.title,
        };
        Self { id: call.id, kind, object, body, answer: None }
    }

    /// How it ended, in a word, and whether that is bad; `None` while it works and where it says nothing new.
    pub(crate) fn verdict(&self) -> Option<(String, bool)> {
        let answer = self.answer.as_ref()?;
        match (answer.exit_code, answer.is_error) {
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
                &answer.text
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

fn body(call: &agent::ToolCall, plan: Option<Vec<PlanEntry>>) -> Body {
    if let Some(plan) = plan {
        let state = |state| match state {
            PlanState::Pending => "pending",
            PlanState::InProgress => "in_progress",
            PlanState::Completed => "completed",
        };
        return Body::Todo(
            plan.into_iter().map(|entry| (state(entry.state).to_owned(), entry.text)).collect(),
        );
    }
    let text = |pointer: &String| call.text_at(pointer);
    match call.content.first() {
        None => Body::None,
        Some(ToolContent::Text { .. }) if call.kind == ToolKind::Execute => Body::None,
        Some(ToolContent::Text { text: pointer }) => Body::Text(text(pointer).to_owned()),
        Some(ToolContent::Diff { .. }) => {
            let change = |content: &ToolContent| match content {
                ToolContent::Diff { old: Some(old), new } => diff::diff(text(old), text(new)),
                ToolContent::Diff { old: None, new } => diff::added(text(new)),
                ToolContent::Text { .. } => Vec::new(),
            };
            Body::Diff(call.content.iter().flat_map(change).collect())
        }
    }
}

/// Whether the call writes a whole file.
fn is_written(content: &[ToolContent]) -> bool {
    matches!(content, [ToolContent::Diff { old: None, .. }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example;
    use serde_json::json;

    fn call(name: &str, kind: ToolKind) -> agent::ToolCall {
        agent::ToolCall { name: name.to_owned(), kind, ..agent::ToolCall::default() }
    }

    fn answered(kind: ToolKind, text: &str, exit_code: Option<i32>, is_error: bool) -> ToolCall {
        let mut call = ToolCall::read(call("t", kind), None);
        call.answer = Some(Answer { at: example::at(50), text: text.to_owned(), exit_code, is_error });
        call
    }

    #[test]
    fn a_call_says_what_kind_it_is_and_what_it_acts_on() {
        let words = |call: agent::ToolCall| {
            let call = ToolCall::read(call, None);
            format!("{} {}", call.kind, call.object)
        };
        let long = agent::ToolCall {
            title: "cargo… (10 bytes)".to_owned(),
            input: json!({"command": "cargo test"}),
            content: vec![ToolContent::Text { text: "/command".to_owned() }],
            ..call("Bash", ToolKind::Execute)
        };
        assert_eq!(words(long), "Shell cargo test");
        let titled =
            |name: &str, kind, title: &str| agent::ToolCall { title: title.to_owned(), ..call(name, kind) };
        assert_eq!(words(titled("Read", ToolKind::Read, "a.rs:10-14")), "Read a.rs:10-14");
        assert_eq!(words(titled("Grep", ToolKind::Search, "fn in src")), "Search fn in src");
        assert_eq!(words(titled("mcp__jira__get", ToolKind::Other, "A-1")), "jira: get A-1");
    }

    #[test]
    fn an_edit_shows_its_change_and_not_the_tools_echo() {
        let edit = agent::ToolCall {
            input: json!({"old": "x", "new": "y"}),
            content: vec![ToolContent::Diff { old: Some("/old".to_owned()), new: "/new".to_owned() }],
            ..call("Edit", ToolKind::Edit)
        };
        let mut call = ToolCall::read(edit, None);
        let text = "The file has been updated".to_owned();
        call.answer = Some(Answer { at: example::at(1), text, exit_code: None, is_error: false });
        assert!(matches!(&call.body, Body::Diff(lines) if diff::totals(lines) == (1, 1)));
        assert_eq!((call.kind.as_str(), call.output(), call.verdict()), ("Edit", "", None));
    }

    #[test]
    fn a_file_that_is_written_and_a_plan_and_a_subagent_have_words_of_their_own() {
        let write = ToolContent::Diff { old: None, new: "/content".to_owned() };
        let write = agent::ToolCall { content: vec![write], ..call("Write", ToolKind::Edit) };
        assert_eq!(ToolCall::read(write, None).kind, "Write");
        let plan = vec![PlanEntry { text: "Look".to_owned(), state: PlanState::InProgress }];
        let plan = ToolCall::read(call("TodoWrite", ToolKind::Think), Some(plan));
        let entry = ("in_progress".to_owned(), "Look".to_owned());
        assert_eq!((plan.kind.as_str(), plan.body), ("Plan", Body::Todo(vec![entry])));
        let task = agent::ToolCall {
            input: json!({"prompt": "Look around."}),
            content: vec![ToolContent::Text { text: "/prompt".to_owned() }],
            ..call("Task", ToolKind::Think)
        };
        let task = ToolCall::read(task, None);
        assert_eq!((task.kind.as_str(), task.body), ("Subagent", Body::Text("Look around.".to_owned())));
    }

    #[test]
    fn a_failed_command_names_its_exit_code() {
        let call = answered(ToolKind::Execute, "test failed", Some(101), true);
        assert_eq!(call.verdict(), Some(("exit 101".to_owned(), true)));
        assert_eq!(call.output(), "test failed");
        assert_eq!(call.took(example::at(2)), Some(48_000));
        let fine = answered(ToolKind::Execute, "fine", None, false);
        assert_eq!(fine.verdict(), Some(("exit 0".to_owned(), false)));
        let failed = answered(ToolKind::Search, "no such path", None, true);
        assert_eq!(failed.verdict(), Some(("error".to_owned(), true)));
    }
}
