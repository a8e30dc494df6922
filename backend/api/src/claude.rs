//! What a line of the Claude Code CLI says: read once here, for the executor, the CLI and the browser.
//!
//! The format is that of `--output-format stream-json` of CLI 2.1.329. Unknown types are kept as `Other`.

mod ask;
mod denials;

use serde_json::Value;

pub use ask::{Ask, Decision};
pub use denials::{Denial, denials};

use crate::{event::AgentLineType, executor::AgentResult, run::Usage};

/// A line, sorted.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Part of the log.
    Line {
        /// What it is about.
        r#type: AgentLineType,
        /// What it says, block by block; empty for lines that people need not see.
        blocks: Vec<Block>,
        /// The tool call of the subagent that said it; `None` for the main agent.
        parent: Option<String>,
    },
    /// Tokens on their way; the whole text follows as a line of its own.
    Partial {
        /// The new text.
        text: String,
        /// `text` or `thinking`.
        block: &'static str,
    },
    /// The shell of a stream (`message_start`, `ping`, token estimates …): repeats what lines say.
    Live,
}

/// One thing a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A session began.
    Init {
        /// The model that answers.
        model: String,
        /// The session's id.
        session: String,
    },
    /// The agent says this.
    Text(String),
    /// The agent thinks this.
    Thinking(String),
    /// The agent calls a tool.
    ToolUse {
        /// What the result will name.
        id: String,
        /// The tool.
        name: String,
        /// What it is called with.
        input: Value,
    },
    /// A tool answers.
    ToolResult {
        /// The call it answers.
        id: String,
        /// The answer as text.
        text: String,
        /// Whether it is an error.
        is_error: bool,
    },
    /// A call to the model is tried again.
    Retry {
        /// Which try this was.
        attempt: u64,
        /// The most there will be.
        max: u64,
        /// How long until the next, in milliseconds.
        delay_ms: u64,
        /// What went wrong: `overloaded`, `rate_limit`, …
        error: String,
    },
    /// The agent asks before it goes on; it waits for a `Decision`.
    Ask(Ask),
    /// A turn ended.
    Result(AgentResult),
}

/// Reads one line. Never fails: what cannot be understood is `Other`.
#[must_use]
pub fn read(raw: &str) -> Reading {
    let Ok(line) = serde_json::from_str::<Value>(raw) else { return other() };
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let parent = line["parent_tool_use_id"].as_str().map(str::to_owned);
    let (r#type, blocks) = match (text("type"), text("subtype")) {
        ("stream_event", _) => return read_stream_event(&line["event"]),
        ("system", "status" | "thinking_tokens") | ("control_response", _) => return Reading::Live,
        ("system", "init") => (
            AgentLineType::Init,
            vec![Block::Init { model: text("model").to_owned(), session: text("session_id").to_owned() }],
        ),
        ("system", "api_retry") => (
            AgentLineType::Retry,
            vec![Block::Retry {
                attempt: line["attempt"].as_u64().unwrap_or_default(),
                max: line["max_retries"].as_u64().unwrap_or_default(),
                delay_ms: line["retry_delay_ms"].as_f64().unwrap_or_default() as u64,
                error: text("error").to_owned(),
            }],
        ),
        ("system", "task_started" | "task_progress" | "task_updated" | "task_notification") => {
            (AgentLineType::Subagent, Vec::new())
        }
        ("control_request", _) if line["request"]["subtype"] == "can_use_tool" => {
            (AgentLineType::Other, vec![Block::Ask(ask::read(&line))])
        }
        ("rate_limit_event", _) => (AgentLineType::RateLimit, Vec::new()),
        ("result", _) => (AgentLineType::Result, vec![Block::Result(read_result(&line))]),
        ("assistant" | "user", _) => {
            let blocks = read_content(&line["message"]["content"]);
            (message_type(&blocks), blocks)
        }
        _ => return other(),
    };
    Reading::Line { r#type, blocks, parent }
}

fn other() -> Reading {
    Reading::Line { r#type: AgentLineType::Other, blocks: Vec::new(), parent: None }
}

fn read_stream_event(event: &Value) -> Reading {
    let delta = &event["delta"];
    let (text, block) = match delta["type"].as_str() {
        Some("text_delta") => (&delta["text"], "text"),
        Some("thinking_delta") => (&delta["thinking"], "thinking"),
        _ => return Reading::Live,
    };
    Reading::Partial { text: text.as_str().unwrap_or_default().to_owned(), block }
}

fn read_content(content: &Value) -> Vec<Block> {
    match content {
        Value::String(text) => vec![Block::Text(text.clone())],
        Value::Array(blocks) => blocks.iter().filter_map(read_block).collect(),
        _ => Vec::new(),
    }
}

fn read_block(block: &Value) -> Option<Block> {
    let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
    match block["type"].as_str()? {
        "text" => Some(Block::Text(text("text"))),
        "thinking" => Some(Block::Thinking(text("thinking"))),
        "tool_use" => {
            Some(Block::ToolUse { id: text("id"), name: text("name"), input: block["input"].clone() })
        }
        "tool_result" => Some(Block::ToolResult {
            id: text("tool_use_id"),
            text: plain_text(&block["content"]),
            is_error: block["is_error"].as_bool().unwrap_or_default(),
        }),
        _ => None,
    }
}

/// The text of a tool result, which is a string or a list of blocks.
fn plain_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            blocks.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn message_type(blocks: &[Block]) -> AgentLineType {
    match blocks.first() {
        Some(Block::Text(_)) => AgentLineType::Text,
        Some(Block::Thinking(_)) => AgentLineType::Thinking,
        Some(Block::ToolUse { name, .. }) if name == "TodoWrite" => AgentLineType::Todo,
        Some(Block::ToolUse { name, .. }) if matches!(name.as_str(), "Task" | "Agent") => {
            AgentLineType::Subagent
        }
        Some(Block::ToolUse { .. }) => AgentLineType::ToolUse,
        Some(Block::ToolResult { .. }) => AgentLineType::ToolResult,
        Some(Block::Init { .. } | Block::Retry { .. } | Block::Ask(_) | Block::Result(_)) | None => {
            AgentLineType::Other
        }
    }
}

fn read_result(line: &Value) -> AgentResult {
    let text = |key: &str| line[key].as_str().map(str::to_owned);
    let errors = || {
        let errors = line["errors"].as_array().into_iter().flatten();
        errors.filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    };
    AgentResult {
        is_error: line["is_error"].as_bool().unwrap_or(true),
        subtype: text("subtype").unwrap_or_default(),
        terminal_reason: text("terminal_reason"),
        api_error_status: line["api_error_status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        text: text("result").unwrap_or_else(errors),
        session_id: text("session_id"),
        total_cost_usd: line["total_cost_usd"].as_f64(),
        usage: read_usage(&line["modelUsage"]),
    }
}

/// `modelUsage` counts all models and subagents and is cumulative over resumes; `usage` is neither.
fn read_usage(models: &Value) -> Usage {
    let mut sum = Usage::default();
    for usage in models.as_object().into_iter().flat_map(|models| models.values()) {
        // Whatever the agent claims: nothing less than none, and no sum that turns around.
        let add = |sum: &mut i64, key: &str| {
            *sum = sum.saturating_add(usage[key].as_i64().unwrap_or_default().max(0));
        };
        add(&mut sum.input_tokens, "inputTokens");
        add(&mut sum.output_tokens, "outputTokens");
        add(&mut sum.cache_read_tokens, "cacheReadInputTokens");
        add(&mut sum.cache_creation_tokens, "cacheCreationInputTokens");
    }
    sum
}
