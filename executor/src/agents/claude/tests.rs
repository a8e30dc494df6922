//! Lines that Claude Code 2.1.329 has written (`tests/fixtures`, long fields left out) and what is read from them.

use std::{fmt::Write, fs, path::Path};

use api::agent::{AgentEvent, AgentLineType, StopReason};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::agents::{Control, Said, fuzz};

/// The events of a recorded run, a line each; tokens and what is not kept are left out.
fn events(fixture: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    let mut events = String::new();
    for raw in fs::read_to_string(path).unwrap().lines() {
        let Reading::Line(said) = Claude.read(raw) else { continue };
        let Said { event, more, control } = *said;
        for event in std::iter::once(event).chain(more) {
            writeln!(events, "{}", serde_json::to_string(&event).unwrap()).unwrap();
        }
        control.iter().for_each(|control| writeln!(events, "{control:?}").unwrap());
    }
    events
}

fn said(raw: &str) -> Said {
    match Claude.read(raw) {
        Reading::Line(said) => *said,
        other => panic!("{raw} is {other:?}"),
    }
}

#[test]
fn recorded_lines_of_every_kind() {
    insta::assert_snapshot!(events("claude_lines.jsonl"));
}

#[test]
fn a_recorded_run_with_thoughts_and_tools() {
    insta::assert_snapshot!(events("tools.jsonl"));
}

#[test]
fn a_recorded_run_that_asks_a_person() {
    insta::assert_snapshot!(events("asks.jsonl"));
}

#[test]
fn a_recorded_run_with_a_subagent() {
    insta::assert_snapshot!(events("subagent.jsonl"));
}

#[test]
fn a_line_that_is_none_is_kept_as_other() {
    for line in ["", "Killed", "null", "[]", "{\"type\":7}", "{\"type\":\"assist", "{\"type\":\"invented\"}"]
    {
        assert_eq!(said(line), Said::default(), "{line}");
    }
}

#[test]
fn a_result_that_does_not_say_is_an_error() {
    let event = said(r#"{"type":"result","errors":["a","b"]}"#).event;
    assert_eq!((event.stop_reason, event.text.as_deref()), (Some(StopReason::Error), Some("a; b")));
    assert_eq!(event.usage.unwrap().cost_usd, None, "unknown costs are not 0");
}

#[test]
fn a_turn_ends_for_a_typed_reason() {
    for (fields, expected) in [
        (json!({"subtype": "success", "is_error": false}), StopReason::EndTurn),
        (json!({"subtype": "success", "is_error": false, "stop_reason": "refusal"}), StopReason::Refusal),
        (
            json!({"subtype": "success", "is_error": false, "stop_reason": "max_tokens"}),
            StopReason::MaxTokens,
        ),
        (
            json!({"subtype": "success", "is_error": true, "terminal_reason": "api_error"}),
            StopReason::ModelError,
        ),
        (json!({"subtype": "error_max_turns", "is_error": true}), StopReason::MaxTurns),
        (json!({"subtype": "error_max_budget_usd", "is_error": true}), StopReason::Budget),
        (
            json!({"subtype": "error_max_structured_output_retries", "is_error": true}),
            StopReason::OutputInvalid,
        ),
        (
            json!({"subtype": "error_during_execution", "is_error": true, "terminal_reason": "aborted_tools"}),
            StopReason::Cancelled,
        ),
        (json!({"subtype": "error_during_execution", "is_error": true}), StopReason::Error),
    ] {
        let mut line = fields.clone();
        line["type"] = json!("result");
        assert_eq!(said(&line.to_string()).event.stop_reason, Some(expected), "{fields}");
    }
}

#[test]
fn a_line_may_say_several_things() {
    let block = |id| json!({"type": "tool_use", "id": id, "name": "Bash", "input": {}});
    let line =
        json!({"type": "assistant", "message": {"content": [block("a"), {"type": "odd"}, block("b")]}});
    let Said { event, more, .. } = said(&line.to_string());
    let ids = [&event, &more[0]].map(|event: &AgentEvent| event.tool.as_ref().unwrap().id.as_str());
    assert_eq!((ids, more.len(), event.r#type), (["a", "b"], 1, AgentLineType::ToolUse));
}

#[test]
fn what_a_tool_is_asked_for_is_its_title() {
    for (name, input, expected) in [
        ("Bash", json!({"command": "cargo test", "description": "Test"}), "cargo test"),
        ("Read", json!({"file_path": "/workspace/a.rs", "offset": 10, "limit": 5}), "a.rs:10-14"),
        ("Grep", json!({"pattern": "fn", "path": "/workspace/src"}), "fn in src"),
        ("Write", json!({"file_path": "/workspaces/a", "content": "x"}), "/workspaces/a"),
        ("mcp__jira__get", json!({"key": "A-1"}), r#"{"key":"A-1"}"#),
        ("TodoWrite", json!({"todos": []}), ""),
        ("BashOutput", json!({}), ""),
    ] {
        let block = json!({"type": "tool_use", "id": "a", "name": name, "input": input});
        let line = json!({"type": "assistant", "message": {"content": [block]}}).to_string();
        assert_eq!(said(&line).event.tool.unwrap().title, expected, "{name}");
    }
}

#[test]
fn a_failed_command_names_its_exit_code_once() {
    let result = |text: &str, is_error: bool| {
        let block = json!({"type": "tool_result", "tool_use_id": "a", "content": text, "is_error": is_error});
        said(&json!({"type": "user", "message": {"content": [block]}}).to_string()).event.result.unwrap()
    };
    let failed = result("Exit code 101\ntest failed", true);
    assert_eq!((failed.ok, failed.exit_code, failed.output.as_str()), (false, Some(101), "test failed"));
    let fine = result("Exit code 101\nis what the file says", false);
    assert_eq!((fine.ok, fine.exit_code), (true, None));
    assert!(fine.output.starts_with("Exit code 101"));
}

#[test]
fn an_image_is_told_by_its_size() {
    let image = json!({"type": "image", "source": {"media_type": "image/png", "data": "AAAAAAAA"}});
    let block = json!({"type": "tool_result", "tool_use_id": "a", "content": [image]});
    let line = json!({"type": "user", "message": {"content": [block]}}).to_string();
    let images = said(&line).event.result.unwrap().images;
    assert_eq!((images[0].media_type.as_str(), images[0].bytes), ("image/png", 6));
}

#[test]
fn what_is_long_is_cut_beside_the_raw_line_and_a_request_is_not() {
    let long = "x".repeat(1 << 20);
    let write =
        json!({"type": "tool_use", "id": "a", "name": "Write", "input": {"file_path": "a", "content": long}});
    let event = said(&json!({"type": "assistant", "message": {"content": [write]}}).to_string()).event;
    assert!(serde_json::to_string(&event).unwrap().len() < 80 << 10);
    assert_eq!(event.tool.unwrap().locations[0].path, "a");
    let request = json!({"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": long}});
    let line = json!({"type": "control_request", "request_id": "r", "request": request}).to_string();
    assert_eq!(said(&line).event.request.unwrap().text, format!("Bash: {long}"));
}

#[test]
fn a_request_that_is_denied_for_its_length_is_cut_but_for_its_names() {
    let question = json!([{"question": "x".repeat(3 << 20), "options": [{"label": "y".repeat(1 << 20)}]}]);
    for (tool, input) in [
        ("AskUserQuestion", json!({"questions": question})),
        ("Bash", json!({"command": "x".repeat(3 << 20)})),
    ] {
        let request = json!({"subtype": "can_use_tool", "tool_name": tool, "input": input});
        let line = json!({"type": "control_request", "request_id": "r", "request": request}).to_string();
        let event = said(&line).event;
        assert!(serde_json::to_string(&event).unwrap().len() < 80 << 10);
        let asked = event.request.unwrap();
        assert_eq!((asked.id.as_str(), asked.tool.as_str()), ("r", tool));
    }
}

#[test]
fn a_question_is_answered_by_its_text() {
    let questions =
        json!([{"question": "Which colour?", "options": [{"label": "Blue"}]}, {"question": "Why?"}]);
    let request =
        json!({"subtype": "can_use_tool", "tool_name": "AskUserQuestion", "input": {"questions": questions}});
    let line = json!({"type": "control_request", "request_id": "r", "request": request}).to_string();
    let asked = said(&line).event.request.unwrap();
    assert_eq!((asked.text.as_str(), asked.options()), ("Which colour?\nWhy?", vec!["Blue".to_owned()]));
    for (answer, expected) in [
        ("Blue", json!({"Which colour?": "Blue", "Why?": "Blue"})),
        (r#"{"1": "Red"}"#, json!({"Which colour?": "Red"})),
        (r#"{"Why?": "So."}"#, json!({"Why?": "So."})),
    ] {
        let told = Claude.answer(&asked.id, &line, &asked.decide(answer));
        let told: Value = serde_json::from_str(&told).unwrap();
        let input = &told["response"]["response"]["updatedInput"];
        assert_eq!((&input["answers"], &input["questions"]), (&expected, &questions), "{answer}");
    }
}

#[test]
fn what_only_the_executor_needs_to_know_is_no_event() {
    let withdrawn = said(r#"{"type":"control_cancel_request","request_id":"r"}"#);
    assert_eq!(withdrawn.control, Some(Control::Withdrawn("r".to_owned())));
    let unknown = said(r#"{"type":"control_request","request_id":"r","request":{"subtype":"elicitation"}}"#);
    assert_eq!(unknown.control, Some(Control::Unknown("r".to_owned())));
    assert!(withdrawn.event.is_empty() && unknown.event.is_empty());
}

#[test]
fn what_an_agent_only_talks_about_is_no_denial() {
    for line in [
        r#"{"type":"assistant","text":"\"permission_denials\"","permission_denials":[{"tool_name":"a"}]}"#,
        r#"{"type":"result","permission_denials":[{}]}"#,
        r#"{"type":"result","permission_denials":"none"}"#,
        r#"{"type":"result","permission_denials""#,
    ] {
        assert_eq!(said(line).event.denied, [], "{line}");
    }
}

#[test]
fn what_it_can_do_is_what_the_table_says() {
    let can = api::task::Agent::ClaudeCode.capabilities();
    let delta = r#"{"type":"stream_event","event":{"delta":{"type":"text_delta","text":"a"}}}"#;
    assert_eq!(can.deltas, matches!(Claude.read(delta), Reading::Partial { .. }));
    assert_eq!(can.steer, !Claude.message("a").is_empty());
    let ask = r#"{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool"}}"#;
    assert_eq!(can.ask, said(ask).event.request.is_some());
    let request = json!({
        "executionId": "a", "prompt": "p", "model": "m", "timeoutSeconds": 60, "modelToken": "t",
        "resume": "session-1", "maxTurns": 7,
    });
    let request = serde_json::from_value(request).unwrap();
    let relay = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let mut command = Command::new("claude");
    Claude
        .prepare(&mut command, &Start { request: &request, workspace: Path::new("/w"), relay, author: None });
    let arguments = format!("{command:?}");
    assert_eq!(can.resume, arguments.contains("session-1"));
    assert_eq!(can.max_turns, arguments.contains("--max-turns"));
    let result = said(r#"{"type":"result","total_cost_usd":1.5}"#).event;
    assert_eq!(can.cost, result.usage.unwrap().cost_usd == Some(1.5));
}

/// Any JSON, with the words that the reader looks for.
fn json_values() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "type",
        "subtype",
        "message",
        "content",
        "text",
        "thinking",
        "tool_use",
        "tool_result",
        "id",
        "name",
        "input",
        "is_error",
        "result",
        "assistant",
        "user",
        "system",
        "init",
        "control_request",
        "request",
        "can_use_tool",
        "AskUserQuestion",
        "questions",
        "question",
        "options",
        "label",
        "TodoWrite",
        "todos",
        "MultiEdit",
        "edits",
        "offset",
        "limit",
        "Read",
        "file_path",
        "stream_event",
        "event",
        "delta",
        "text_delta",
        "modelUsage",
        "permission_denials",
        "tool_use_id",
        "image",
        "source",
        "data",
        "tool_name",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let key = prop_oneof![3 => prop::sample::select(WORDS).prop_map(str::to_owned), 1 => ".{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read(value in json_values()) {
        fuzz::line(&Claude, &value.to_string());
    }

    #[test]
    fn any_message_is_read(block in json_values(), kind in "tool_use|tool_result|text|thinking", name in "Bash|Read|TodoWrite|MultiEdit|Task") {
        let mut block = block;
        if let Some(block) = block.as_object_mut() {
            block.insert("type".to_owned(), Value::from(kind));
            block.insert("name".to_owned(), Value::from(name));
        }
        let line = json!({"type": "assistant", "message": {"content": [block]}});
        fuzz::line(&Claude, &line.to_string());
    }

    #[test]
    fn any_request_is_answered(input in json_values(), tool in "AskUserQuestion|Bash", id in json_values()) {
        let request = json!({"subtype": "can_use_tool", "tool_name": tool, "input": input});
        let line = json!({"type": "control_request", "request_id": id, "request": request});
        fuzz::line(&Claude, &line.to_string());
    }
}
