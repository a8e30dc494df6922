//! An agent that uses its shell: a script of commands for the model, and what each of them answered.

use std::path::Path;

use api::event::{AgentLineType, Event, EventBody};
use serde_json::{Value, json};

/// The longest a command may take, in milliseconds.
const PATIENCE: u32 = 300_000;

/// Writes a script in which the agent runs these commands, one after the other, each with the tool's own shell.
/// Answers the name of its file.
pub(super) fn script(folder: &Path, commands: &[String]) -> String {
    let turn = |command: &String| {
        let input = json!({ "command": command, "description": "Try", "timeout": PATIENCE });
        json!({ "tools": [{ "name": "Bash", "input": input }] })
    };
    let mut turns: Vec<Value> = commands.iter().map(turn).collect();
    turns.push(json!({ "text": "That was all." }));
    let file = folder.join("script.json");
    let conversations = json!([{ "match": { "prompt": "." }, "turns": turns }]);
    std::fs::write(&file, json!({ "conversations": conversations }).to_string()).unwrap();
    file.display().to_string()
}

/// What the agent saw of each of its commands, in their order.
pub(super) fn answers(events: &[Event]) -> Vec<String> {
    let results = events.iter().filter_map(|event| match &event.body {
        EventBody::Agent(line) if line.event.r#type == AgentLineType::ToolResult => Some(&line.raw),
        _ => None,
    });
    let parsed = results.map(|raw| serde_json::from_str::<Value>(raw).expect("a line of JSON"));
    parsed.flat_map(|line| blocks(&line["message"]["content"])).map(|block| text(&block["content"])).collect()
}

fn blocks(content: &Value) -> Vec<Value> {
    let results = content.as_array().into_iter().flatten();
    results.filter(|block| block["type"] == "tool_result").cloned().collect()
}

/// A text, or blocks of text.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        other => other.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str()).collect(),
    }
}
