//! Which answer of the script is played for a request. Pure: the caller counts the attempts.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    request::Request,
    script::{Conversation, Failure, Script, Turn},
};

/// The answer to play, and where in the script it is.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub place: Place,
    pub turn: Cow<'a, Turn>,
}

/// Where in the script an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Turn `turn` of conversation `conversation`; the main one comes last.
    Turn { conversation: usize, turn: usize },
    /// A side request.
    Side,
    /// The summary of a full context.
    Compaction,
}

/// Chooses what to answer.
pub(super) fn choose<'a>(script: &'a Script, request: &Request) -> Choice<'a> {
    // Titles, topics, quota checks have no tools; summaries have them and want none used.
    if request.is_compaction() || !request.has_tools {
        return aside(script, request);
    }
    let own = |conversation: &Conversation| request.matches(&conversation.r#match);
    let conversation = script.conversations.iter().position(own).unwrap_or(script.conversations.len());
    let (turns, count_from) = match script.conversations.get(conversation) {
        Some(own) => (&own.turns, own.count_from),
        None => (&script.turns, Default::default()),
    };
    let turn = request.turns_so_far(count_from);
    let place = Place::Turn { conversation, turn };
    Choice { place, turn: Cow::Borrowed(turns.get(turn).unwrap_or(&script.default)) }
}

fn aside(script: &Script, request: &Request) -> Choice<'static> {
    let rule = script.side.iter().find(|rule| request.matches(&rule.r#match));
    let (place, text) = match (rule, &request.schema) {
        (Some(rule), _) => (Place::Side, rule.text.clone()),
        (None, _) if request.is_compaction() => {
            (Place::Compaction, "<summary>The work so far went as scripted.</summary>".to_owned())
        }
        (None, Some(schema)) => (Place::Side, instance_of(schema).to_string()),
        (None, None) => (Place::Side, "Scripted work".to_owned()),
    };
    Choice { place, turn: Cow::Owned(Turn::saying(&text)) }
}

/// The error to answer at this attempt, counted from 0, before the turn itself is played.
pub(super) fn error_at(errors: &[Failure], attempt: u32) -> Option<&Failure> {
    let mut before = 0_u64;
    errors.iter().find(|error| {
        before += u64::from(error.times);
        u64::from(attempt) < before
    })
}

/// A smallest value that satisfies a simple JSON schema. The schema is hostile: each property is
/// visited once, however often it is required.
fn instance_of(schema: &Value) -> Value {
    if let Some(value) = schema.get("const").or_else(|| schema.get("default")) {
        return value.clone();
    }
    let first = |key: &str| schema[key].as_array().and_then(|list| list.first());
    if let Some(value) = first("enum") {
        return value.clone();
    }
    if let Some(schema) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| first(key)) {
        return instance_of(schema);
    }
    match first("type").or_else(|| schema.get("type")).and_then(Value::as_str) {
        None | Some("object") => Value::Object(object_of(schema)),
        Some("array") => Value::Array(Vec::new()),
        Some("string") => "Scripted".into(),
        Some("integer" | "number") => 0.into(),
        Some("boolean") => false.into(),
        Some(_) => Value::Null,
    }
}

fn object_of(schema: &Value) -> Map<String, Value> {
    let properties = schema["properties"].as_object();
    let all =
        || properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)).collect();
    let required = schema["required"].as_array();
    let keys = required.map_or_else(all, |keys| keys.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    let mut object = Map::new();
    for key in keys {
        if !object.contains_key(key) {
            let property = properties.and_then(|properties| properties.get(key));
            object.insert(key.to_owned(), property.map_or_else(|| Value::from("Scripted"), instance_of));
        }
    }
    object
}

#[cfg(test)]
mod tests;
