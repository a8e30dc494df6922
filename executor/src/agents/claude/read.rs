//! What a line of Claude Code says: its `--output-format stream-json`, as CLI 2.1.329 writes it.
//!
//! Unknown types are of type `other`. Lines may change with every version: nothing here may fail.

use api::{
    agent::{AgentEvent, AgentLineType, AgentUsage, DeniedCall, Retry, Session, StopReason, UsageScope},
    run::Usage,
};
use serde_json::Value;

use super::{ask, tools};
use crate::agents::{Control, Reading, Said, room::Room};

/// The most things that one line is taken to say; the CLI writes one block a line.
const MOST: usize = 64;
/// The most denied calls of one line.
const DENIED: usize = 1_000;

/// Reads one line.
pub(super) fn read(raw: &str) -> Reading {
    let Ok(line) = serde_json::from_str::<Value>(raw) else { return Reading::Line(Box::default()) };
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let mut room = Room::of_line();
    let mut event = match (text("type"), text("subtype")) {
        ("stream_event", _) => return read_stream_event(&line["event"]),
        ("system", "status" | "thinking_tokens") | ("control_response", _) => return Reading::Live,
        ("assistant" | "user", _) => return read_message(&line, &mut room),
        ("control_request" | "control_cancel_request", _) => return read_control(&line, raw.len()),
        ("system", "init") => AgentEvent {
            session: Some(Session {
                id: room.name(text("session_id")),
                model: Some(room.name(text("model"))),
            }),
            ..AgentEvent::new(AgentLineType::Init)
        },
        ("system", "api_retry") => AgentEvent {
            retry: Some(Retry {
                attempt: line["attempt"].as_u64().unwrap_or_default(),
                max: line["max_retries"].as_u64().unwrap_or_default(),
                delay_ms: line["retry_delay_ms"].as_f64().unwrap_or_default() as u64,
                error: room.name(text("error")),
            }),
            ..AgentEvent::new(AgentLineType::Retry)
        },
        ("system", "permission_denied") => {
            AgentEvent { denied: denied([&line], &mut room), ..AgentEvent::default() }
        }
        ("system", "task_started" | "task_progress" | "task_updated" | "task_notification") => AgentEvent {
            parent: line["tool_use_id"].as_str().map(|id| room.name(id)),
            ..AgentEvent::text(AgentLineType::Subagent, room.text(task(&line)))
        },
        ("rate_limit_event", _) => AgentEvent::new(AgentLineType::RateLimit),
        ("result", _) => read_result(&line, &mut room),
        _ => AgentEvent::default(),
    };
    if event.parent.is_none() {
        event.parent = parent(&line, &mut room);
    }
    Reading::Line(Box::new(Said { event, ..Said::default() }))
}

/// How far a subagent is, in words.
fn task(line: &Value) -> &str {
    let words = [&line["summary"], &line["description"], &line["patch"]["status"]];
    words.into_iter().find_map(Value::as_str).unwrap_or_default()
}

fn parent(line: &Value, room: &mut Room) -> Option<String> {
    line["parent_tool_use_id"].as_str().map(|id| room.name(id))
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

fn read_control(line: &Value, bytes: usize) -> Reading {
    let id = || line["request_id"].as_str().map(str::to_owned);
    let mut said = Said::default();
    if line["type"] == "control_cancel_request" {
        said.control = id().map(Control::Withdrawn);
    } else if line["request"]["subtype"] == "can_use_tool" {
        said.event.request = Some(ask::read(line, bytes));
    } else {
        said.control = id().map(Control::Unknown);
    }
    Reading::Line(Box::new(said))
}

fn read_message(line: &Value, room: &mut Room) -> Reading {
    let parent = parent(line, room);
    let mut events = match &line["message"]["content"] {
        Value::String(text) => vec![AgentEvent::text(AgentLineType::Text, room.text(text))],
        Value::Array(blocks) => {
            blocks.iter().filter_map(|block| read_block(block, room)).take(MOST).collect()
        }
        _ => Vec::new(),
    };
    if events.is_empty() {
        events.push(AgentEvent::default());
    }
    events.iter_mut().for_each(|event| event.parent.clone_from(&parent));
    let event = events.remove(0);
    Reading::Line(Box::new(Said { event, more: events, control: None }))
}

fn read_block(block: &Value, room: &mut Room) -> Option<AgentEvent> {
    let text = |key: &str| block[key].as_str().unwrap_or_default();
    Some(match block["type"].as_str()? {
        "text" => AgentEvent::text(AgentLineType::Text, room.text(text("text"))),
        "thinking" => AgentEvent::text(AgentLineType::Thinking, room.text(text("thinking"))),
        "tool_use" => {
            let plan = tools::plan(block, room);
            let r#type = match text("name") {
                _ if plan.is_some() => AgentLineType::Todo,
                name if tools::is_subagent(name) => AgentLineType::Subagent,
                _ => AgentLineType::ToolUse,
            };
            AgentEvent { plan, tool: Some(tools::call(block, room)), ..AgentEvent::new(r#type) }
        }
        "tool_result" => AgentEvent {
            result: Some(tools::result(block, room)),
            ..AgentEvent::new(AgentLineType::ToolResult)
        },
        _ => return None,
    })
}

fn read_result(line: &Value, room: &mut Room) -> AgentEvent {
    let errors = || {
        let errors = line["errors"].as_array().into_iter().flatten();
        errors.filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    };
    let text = line["result"].as_str().map_or_else(errors, str::to_owned);
    let session = |id: &str| Session { id: room.name(id), model: None };
    AgentEvent {
        session: line["session_id"].as_str().map(session),
        stop_reason: Some(stop_reason(line)),
        status: line["api_error_status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        usage: Some(AgentUsage {
            scope: UsageScope::Session,
            tokens: usage(&line["modelUsage"]),
            cost_usd: line["total_cost_usd"].as_f64(),
        }),
        denied: denied(line["permission_denials"].as_array().into_iter().flatten(), room),
        text: Some(room.text(&text)),
        ..AgentEvent::new(AgentLineType::Result)
    }
}

/// The subtype alone does not tell: it is `success` where the CLI has given up on the model.
fn stop_reason(line: &Value) -> StopReason {
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    if line["is_error"] == false {
        return match text("stop_reason") {
            "max_tokens" => StopReason::MaxTokens,
            "refusal" => StopReason::Refusal,
            _ => StopReason::EndTurn,
        };
    }
    match (text("subtype"), text("terminal_reason")) {
        ("error_max_turns", _) => StopReason::MaxTurns,
        ("error_max_budget_usd", _) => StopReason::Budget,
        ("error_max_structured_output_retries", _) => StopReason::OutputInvalid,
        (_, "api_error") => StopReason::ModelError,
        (_, "aborted_streaming" | "aborted_tools") => StopReason::Cancelled,
        _ => StopReason::Error,
    }
}

/// `modelUsage` counts all models and subagents and is cumulative over resumes; `usage` is neither.
fn usage(models: &Value) -> Usage {
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

fn denied<'a>(denials: impl IntoIterator<Item = &'a Value>, room: &mut Room) -> Vec<DeniedCall> {
    let read = |denial: &Value| {
        let (id, name) = (denial["tool_use_id"].as_str()?, denial["tool_name"].as_str()?);
        Some(DeniedCall { id: room.name(id), name: room.name(name) })
    };
    denials.into_iter().take(DENIED).filter_map(read).collect()
}
