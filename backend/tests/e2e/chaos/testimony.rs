//! What an agent wrote, by its own account: each message has an id, in its output and in its session's file.

use api::event::{Event, EventBody};
use serde_json::Value;

/// The ids of what the log says the agent wrote, in order, of the step before the testimony.
pub(super) fn said(events: &[Event]) -> Vec<String> {
    let lines = events.iter().filter(|event| event.step == Some(1)).filter_map(|event| match &event.body {
        EventBody::Agent(line) => Some(line.raw.as_str()),
        _ => None,
    });
    lines.filter_map(message_id).collect()
}

/// The id of a line that is a message of the conversation.
fn message_id(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let spoken = matches!(line["type"].as_str(), Some("assistant" | "user"));
    spoken.then(|| line["uuid"].as_str().map(str::to_owned)).flatten()
}

/// No id is there twice.
pub(super) fn each_once(said: &[String]) {
    let mut sorted = said.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), said.len(), "nothing is there twice");
}

/// The log has what the agent has kept, all of it and in its order. (The agent keeps its prompts, too, and the
/// testimony's own beginning; those are not output of that step.)
pub(super) fn agree(said: &[String], kept: &str) {
    let kept: Vec<String> = kept.lines().filter_map(message_id).filter(|id| said.contains(id)).collect();
    assert!(!said.is_empty());
    assert_eq!(said, kept, "the log and the agent agree");
}
