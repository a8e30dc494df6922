//! The agent's own lines: what it says, the tools it calls and what they answer.

use std::collections::HashMap;

use api::{
    Timestamp,
    claude::{self, Block, Reading},
    event::AgentLine,
};
use serde_json::Value;

use super::{
    WORKING, first_line,
    line::{Line, Tone},
    text,
};

/// How much of a tool's answer is shown; the whole of it is in the log.
const ANSWER_LINES: usize = 6;
/// An error deserves more.
const ERROR_LINES: usize = 14;
/// The fields that say best what a tool is asked for, best first.
const TELLING: [&str; 9] =
    ["command", "file_path", "notebook_path", "pattern", "url", "query", "description", "path", "skill"];

/// The tool calls that wait for their answer.
#[derive(Default)]
pub(super) struct Tools {
    open: HashMap<String, Call>,
    /// The call that was shown last: its answer needs no name.
    last: Option<String>,
    /// The model that was named last; each step begins a session, mostly with the same one.
    model: Option<String>,
}

struct Call {
    name: String,
    about: String,
    since: Timestamp,
}

impl Tools {
    /// What the agent does right now.
    pub(super) fn status(&self) -> String {
        let newest = self.open.values().max_by_key(|call| call.since);
        newest.map_or_else(|| WORKING.to_owned(), |call| format!("{} {}", call.name, call.about))
    }

    /// The lines for one line of the agent.
    pub(super) fn agent(&mut self, line: &AgentLine, at: Timestamp) -> Vec<Line> {
        let Reading::Line { blocks, parent, .. } = claude::read(&line.raw) else { return Vec::new() };
        let lines = blocks.into_iter().flat_map(|block| self.block(block, at));
        // What a subagent says stands below the call that started it.
        let indent = if parent.is_some() { 2 } else { 0 };
        lines.map(|line| line.indented(indent)).collect()
    }

    fn block(&mut self, block: Block, at: Timestamp) -> Vec<Line> {
        match block {
            Block::Init { model, .. } if self.model.as_ref() == Some(&model) => Vec::new(),
            Block::Init { model, .. } => {
                let line = Line::new().span(Tone::Dim, format!("session with {model}"));
                self.model = Some(model);
                vec![line]
            }
            Block::Text(said) => text::lines(&said).map(|row| Line::new().span(Tone::Plain, row)).collect(),
            Block::Thinking(thought) => {
                let thought = thought.split_whitespace().collect::<Vec<_>>().join(" ");
                if thought.is_empty() {
                    return Vec::new();
                }
                vec![Line::new().span(Tone::Dim, format!("thinking: {thought}")).one_row()]
            }
            Block::ToolUse { id, name, input } => self.call(id, name, &input, at),
            Block::ToolResult { id, text, is_error } => self.answer(&id, &text, is_error, at),
            Block::Retry { attempt, max, delay_ms, error } => {
                let wait = text::duration(delay_ms);
                let said =
                    format!("! the model: {}, try {attempt} of {max} in {wait}", error.replace('_', " "));
                vec![Line::new().span(Tone::Warn, said)]
            }
            // Its gate says the same, and who answered.
            Block::Ask(_) => Vec::new(),
            // A good result repeats what the agent said last.
            Block::Result(result) if !result.is_error => Vec::new(),
            Block::Result(result) => {
                let why = result.terminal_reason.unwrap_or(result.subtype).replace('_', " ");
                let head = Line::new().span(Tone::Bad, format!("✗ the agent stopped: {why}"));
                let rows = text::lines(&result.text).map(|row| Line::new().indented(2).span(Tone::Bad, row));
                std::iter::once(head).chain(rows).collect()
            }
        }
    }

    fn call(&mut self, id: String, name: String, input: &Value, at: Timestamp) -> Vec<Line> {
        let about = about(input);
        let head =
            Line::new().span(Tone::Accent, format!("▸ {name}")).span(Tone::Plain, format!("  {about}"));
        let todos = input["todos"].as_array().into_iter().flatten().map(todo_line);
        let lines = std::iter::once(head.one_row()).chain(todos).collect();
        self.last = Some(id.clone());
        self.open.insert(id, Call { name, about, since: at });
        lines
    }

    fn answer(&mut self, id: &str, said: &str, is_error: bool, at: Timestamp) -> Vec<Line> {
        let call = self.open.remove(id);
        let took = call.as_ref().map(|call| at.duration_since(call.since).as_millis());
        let took = took.and_then(|took| u64::try_from(took).ok()).map(text::duration).unwrap_or_default();
        let mut lines = Vec::new();
        // Calls side by side are answered in any order, so the answer says whose it is.
        if self.last.take().as_deref() != Some(id)
            && let Some(call) = &call
        {
            lines.push(Line::new().span(Tone::Dim, format!("◂ {}  {}", call.name, call.about)).one_row());
        }
        let (tone, most) = if is_error { (Tone::Bad, ERROR_LINES) } else { (Tone::Dim, ANSWER_LINES) };
        let rows: Vec<&str> = text::lines(said).collect();
        // What was read or written is in the repository; only how much of it is of interest.
        let is_file =
            call.as_ref().is_some_and(|call| matches!(call.name.as_str(), "Read" | "Write" | "Edit"));
        let shown = if is_file && !is_error { 0 } else { most };
        for row in rows.iter().take(shown) {
            lines.push(Line::new().indented(2).span(tone, row).one_row());
        }
        let more = more_lines(rows.len().saturating_sub(shown), shown != 0);
        let end = if is_error { "failed after " } else { "" };
        lines.push(Line::new().indented(2).span(tone, format!("({more}{end}{took})")));
        lines
    }
}

/// Says how much is not shown: `3 more lines, `.
fn more_lines(hidden: usize, after_some: bool) -> String {
    let more = if after_some { "more " } else { "" };
    match hidden {
        0 => String::new(),
        1 => format!("1 {more}line, "),
        _ => format!("{hidden} {more}lines, "),
    }
}

/// What a tool is asked for, in one line; paths of the workspace are shown from there.
fn about(input: &Value) -> String {
    let telling = TELLING.iter().find_map(|field| input[field].as_str());
    let said = match telling {
        Some(said) => said.to_owned(),
        None if input["todos"].is_array() => String::new(),
        None if input.as_object().is_some_and(|fields| !fields.is_empty()) => input.to_string(),
        None => String::new(),
    };
    first_line(said.strip_prefix(&format!("{}/", api::executor::WORKSPACE)).unwrap_or(&said))
}

fn todo_line(todo: &Value) -> Line {
    let (mark, tone) = match todo["status"].as_str() {
        Some("completed") => ("☑", Tone::Dim),
        Some("in_progress") => ("◐", Tone::Plain),
        _ => ("☐", Tone::Plain),
    };
    let said = todo["content"].as_str().unwrap_or_default();
    Line::new().indented(2).span(tone, format!("{mark} {said}")).one_row()
}
