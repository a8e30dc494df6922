//! The finished message that a turn stands for.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    fill::Names,
    request::{Request, estimate_tokens},
    script::Turn,
};

/// A message of the scripted model.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub id: String,
    pub model: String,
    pub content: Vec<Value>,
    pub stop_reason: String,
    pub usage: Map<String, Value>,
}

impl Message {
    /// Builds the message; `next_id` gives every id with this prefix once.
    pub(super) fn of(
        turn: &Turn,
        request: &Request,
        variables: &BTreeMap<String, String>,
        mut next_id: impl FnMut(&str) -> String,
    ) -> Self {
        let names = Names { request, variables };
        let mut content = blocks(turn).into_iter().map(|block| names.fill(block)).collect::<Vec<_>>();
        for block in content.iter_mut().filter(|block| is_tool_use(block)) {
            if block["id"].is_null() {
                block["id"] = next_id("toolu").into();
            }
            if block["input"].is_null() {
                block["input"] = json!({});
            }
        }
        let natural = if content.iter().any(is_tool_use) { "tool_use" } else { "end_turn" };
        Self {
            id: next_id("msg"),
            model: turn.model.as_ref().unwrap_or(&request.model).clone(),
            stop_reason: turn.stop_reason.as_deref().unwrap_or(natural).to_owned(),
            usage: usage(turn, request, &content),
            content,
        }
    }

    /// The message as the answer to a call that is not streamed.
    pub(super) fn to_json(&self) -> Value {
        self.wire(&self.content, json!(self.stop_reason), &self.usage)
    }

    /// The message before anything of it was said: the first event of a stream.
    pub(super) fn opening(&self) -> Value {
        let mut usage = self.usage.clone();
        usage.insert("output_tokens".to_owned(), json!(1));
        self.wire(&[], Value::Null, &usage)
    }

    fn wire(&self, content: &[Value], stop_reason: Value, usage: &Map<String, Value>) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": usage,
        })
    }
}

fn is_tool_use(block: &Value) -> bool {
    block["type"] == "tool_use"
}

fn blocks(turn: &Turn) -> Vec<Value> {
    if !turn.blocks.is_empty() {
        return turn.blocks.iter().map(|block| Value::Object(block.0.clone())).collect();
    }
    let mut blocks = Vec::new();
    if let Some(thinking) = turn.thinking.as_ref().filter(|text| !text.is_empty()) {
        // Real ones are signed by the vendor; nobody checks this one.
        blocks.push(json!({"type": "thinking", "thinking": thinking, "signature": "c2NyaXB0ZWQ="}));
    }
    if let Some(text) = turn.text.as_ref().filter(|text| !text.is_empty()) {
        blocks.push(json!({"type": "text", "text": text}));
    }
    for tool in &turn.tools {
        let mut block = json!({"type": "tool_use", "name": tool.name, "input": tool.input});
        if let Some(id) = &tool.id {
            block["id"] = json!(id);
        }
        blocks.push(block);
    }
    if blocks.is_empty() {
        blocks.push(json!({"type": "text", "text": "Done."}));
    }
    blocks
}

fn usage(turn: &Turn, request: &Request, content: &[Value]) -> Map<String, Value> {
    let mut usage = Map::new();
    usage.insert("input_tokens".to_owned(), json!(request.tokens));
    usage.insert("cache_creation_input_tokens".to_owned(), json!(0));
    usage.insert("cache_read_input_tokens".to_owned(), json!(0));
    usage.insert("output_tokens".to_owned(), json!(estimate_tokens(content)));
    usage.insert("service_tier".to_owned(), json!("standard"));
    usage.extend(turn.usage.clone());
    usage
}
