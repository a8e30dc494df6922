//! The tools of Claude Code in neutral words.

use api::{
    agent::{Image, Location, PlanEntry, PlanState, ToolCall, ToolContent, ToolKind, ToolResult},
    executor::WORKSPACE,
};
use serde_json::Value;

use crate::agents::room::Room;

/// The fields that say best what an unknown tool is asked for, best first.
const TELLING: [&str; 9] =
    ["command", "file_path", "notebook_path", "pattern", "url", "query", "description", "path", "skill"];
/// The most parts of one call, and of one result, that are looked at.
const MOST: usize = 100;

/// What kind of tool this is.
pub(super) fn kind(name: &str) -> ToolKind {
    match name {
        "Bash" | "BashOutput" | "KillShell" | "KillBash" => ToolKind::Execute,
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" => ToolKind::Edit,
        "Read" => ToolKind::Read,
        "Grep" | "Glob" | "LS" | "WebSearch" | "ToolSearch" => ToolKind::Search,
        "WebFetch" => ToolKind::Fetch,
        "TodoWrite" => ToolKind::Think,
        name if is_subagent(name) => ToolKind::Think,
        _ => ToolKind::Other,
    }
}

/// Whether it starts a subagent.
pub(super) fn is_subagent(name: &str) -> bool {
    matches!(name, "Task" | "Agent")
}

/// Reads a call.
pub(super) fn call(block: &Value, room: &mut Room) -> ToolCall {
    let text = |key: &str| block[key].as_str().unwrap_or_default();
    let (name, input) = (text("name"), &block["input"]);
    ToolCall {
        id: room.name(text("id")),
        name: room.name(name),
        kind: kind(name),
        title: room.name(&title(name, input)),
        locations: location(name, input, room).into_iter().collect(),
        content: content(name, input),
        // Last: it takes what room is left.
        input: room.value(input),
    }
}

fn title(name: &str, input: &Value) -> String {
    let text = |key: &str| input[key].as_str();
    match name {
        "Read" => match (input["offset"].as_u64(), input["limit"].as_u64()) {
            (from, Some(limit)) => {
                let from = from.unwrap_or(1);
                let last = from.saturating_add(limit).saturating_sub(1);
                format!("{}:{from}-{last}", relative(text("file_path").unwrap_or_default()))
            }
            (Some(from), None) => format!("{}:{from}", relative(text("file_path").unwrap_or_default())),
            (None, None) => telling(input),
        },
        "Grep" | "Glob" => match (text("pattern"), text("path").or_else(|| text("glob"))) {
            (Some(pattern), Some(place)) => format!("{pattern} in {}", relative(place)),
            _ => telling(input),
        },
        "TodoWrite" => String::new(),
        _ => telling(input),
    }
}

fn telling(input: &Value) -> String {
    match TELLING.iter().find_map(|key| input[*key].as_str()) {
        Some(telling) => relative(telling).to_owned(),
        None if input.as_object().is_some_and(|fields| !fields.is_empty()) => input.to_string(),
        None => String::new(),
    }
}

/// A path without the folder that every run's repository is in.
fn relative(path: &str) -> &str {
    path.strip_prefix(WORKSPACE).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path)
}

fn location(name: &str, input: &Value, room: &mut Room) -> Option<Location> {
    let key = match name {
        "Read" | "Edit" | "MultiEdit" | "Write" => "file_path",
        "NotebookEdit" => "notebook_path",
        _ => return None,
    };
    let is_read = name == "Read";
    Some(Location {
        path: room.name(input[key].as_str()?),
        line: input["offset"].as_u64().filter(|_| is_read),
        lines: input["limit"].as_u64().filter(|_| is_read),
    })
}

fn content(name: &str, input: &Value) -> Vec<ToolContent> {
    let text = |text: &str| vec![ToolContent::Text { text: text.to_owned() }];
    let diff = |old: Option<String>, new: String| ToolContent::Diff { old, new };
    match name {
        "Bash" => text("/command"),
        "Edit" => vec![diff(Some("/old_string".to_owned()), "/new_string".to_owned())],
        "Write" => vec![diff(None, "/content".to_owned())],
        "NotebookEdit" => vec![diff(None, "/new_source".to_owned())],
        "MultiEdit" => {
            let edits = input["edits"].as_array().map_or(0, Vec::len).min(MOST);
            let edit = |at| diff(Some(format!("/edits/{at}/old_string")), format!("/edits/{at}/new_string"));
            (0..edits).map(edit).collect()
        }
        name if is_subagent(name) => text("/prompt"),
        _ => Vec::new(),
    }
}

/// The plan that a call sets, if it does.
pub(super) fn plan(block: &Value, room: &mut Room) -> Option<Vec<PlanEntry>> {
    if block["name"] != "TodoWrite" {
        return None;
    }
    let entry = |entry: &Value| PlanEntry {
        text: room.name(entry["content"].as_str().unwrap_or_default()),
        state: match entry["status"].as_str() {
            Some("completed") => PlanState::Completed,
            Some("in_progress") => PlanState::InProgress,
            _ => PlanState::Pending,
        },
    };
    Some(block["input"]["todos"].as_array().into_iter().flatten().take(MOST).map(entry).collect())
}

/// Reads a result.
pub(super) fn result(block: &Value, room: &mut Room) -> ToolResult {
    let ok = !block["is_error"].as_bool().unwrap_or_default();
    let whole = plain_text(&block["content"]);
    // A command that failed begins with its exit code: `Exit code 101`.
    let (exit_code, output) = match exit_code(&whole).filter(|_| !ok) {
        Some(code) => (Some(code), whole.split_once('\n').map_or("", |(_, rest)| rest)),
        None => (None, whole.as_str()),
    };
    let id = room.name(block["tool_use_id"].as_str().unwrap_or_default());
    let blocks = block["content"].as_array().into_iter().flatten().take(MOST);
    ToolResult {
        id,
        ok,
        exit_code,
        images: blocks.filter_map(|block| image(block, room)).collect(),
        output: room.text(output),
    }
}

/// The text of a tool's result, which is a string or a list of blocks.
fn plain_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn exit_code(text: &str) -> Option<i32> {
    text.lines().next()?.strip_prefix("Exit code ")?.trim().parse().ok()
}

fn image(block: &Value, room: &mut Room) -> Option<Image> {
    let source = &block["source"];
    let data = source["data"].as_str().filter(|_| block["type"] == "image")?;
    // Of four characters in base64 three are bytes.
    Some(Image {
        media_type: room.name(source["media_type"].as_str().unwrap_or_default()),
        bytes: data.len() as u64 / 4 * 3,
    })
}
