//! What people see, as pictures: one small story a test, made of events as they come over the wire.

use api::task::Step;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;

/// Feeds a log of `(second, step, kind, data)` and shows the rows of a screen 72 columns wide.
fn shown(events: &[(i64, u32, &str, Value)]) -> String {
    let step = |instructions: &str| Step { instructions: instructions.to_owned(), checks: Vec::new() };
    let task = TaskSpec::new("t", vec![step("Add a farewell function.\nMore."), step("Document it.")]);
    let mut renderer = Renderer::new(&task, TimeZone::UTC);
    let mut rows = Vec::new();
    for ((second, step, kind, data), seq) in events.iter().zip(1..) {
        let at = Timestamp::from_second(1_800_000_000 + second).expect("a time");
        let step = Some(*step).filter(|step| *step != 0);
        let event = json!({ "seq": seq, "at": at, "step": step, "kind": kind, "data": data });
        let event = serde_json::from_value(event).expect("an event as on the wire");
        rows.extend(renderer.event(&event).iter().flat_map(text_rows));
    }
    rows.join("\n")
}

fn text_rows(line: &Line) -> Vec<String> {
    let join = |row: Vec<line::Span>| row.into_iter().map(|span| span.text).collect::<String>();
    line.rows(72).into_iter().map(|row| join(row).trim_end().to_owned()).collect()
}

/// A line of the agent with these parts, as the executor hands it on.
fn agent(r#type: &str, parts: Value) -> Value {
    let mut line = json!({ "type": r#type, "raw": "{}" });
    let parts = parts.as_object().expect("parts").clone();
    line.as_object_mut().expect("a line").extend(parts);
    line
}

fn call(id: &str, name: &str, kind: &str, title: &str) -> Value {
    let tool = json!({ "id": id, "name": name, "kind": kind, "title": title, "input": {} });
    agent("tool_use", json!({ "tool": tool }))
}

fn shell(id: &str, command: &str) -> Value {
    call(id, "Bash", "execute", command)
}

fn result(id: &str, output: &str, ok: bool) -> Value {
    agent("tool_result", json!({ "result": { "id": id, "ok": ok, "exitCode": null, "output": output } }))
}

#[test]
fn a_run_on_its_way_to_the_agent() {
    assert_snapshot!(shown(&[
        (0, 0, "state", json!({ "state": "queued" })),
        (1, 0, "state", json!({ "state": "starting" })),
        (1, 0, "progress", json!({ "phase": "container", "text": "created" })),
        (2, 0, "progress", json!({ "phase": "clone", "text": "receiving 40 %", "percent": 40 })),
        (3, 0, "progress", json!({ "phase": "clone", "text": "Cloned at 0123456789.", "percent": 100 })),
        (4, 0, "state", json!({ "state": "running" })),
        (4, 1, "progress", json!({ "phase": "step", "text": "step 1" })),
    ]));
}

#[test]
fn what_the_agent_says_thinks_and_does() {
    let init = json!({ "session": { "id": "s", "model": "claude-opus-5-5" } });
    let text =
        "I'll read the code and its tests first, and then decide where the function belongs.\n\n- one\n- two";
    assert_snapshot!(shown(&[
        (0, 1, "agent", agent("init", init)),
        (
            1,
            1,
            "agent",
            agent("thinking", json!({ "text": format!("Let me\nthink. {}", "Hm. ".repeat(30)) }))
        ),
        (2, 1, "agent", agent("text", json!({ "text": text }))),
        (3, 1, "agent", call("a", "Read", "read", "greet.py")),
        (3, 1, "agent", result("a", "1\tdef greet\n2\t  pass\n", true)),
        (4, 1, "agent", shell("b", "python3 -m unittest\necho done")),
        (6, 1, "agent", result("b", &(1..=9).map(|n| format!("line {n}\n")).collect::<String>(), true)),
        (7, 1, "agent", shell("c", "false")),
        (
            8,
            1,
            "agent",
            agent(
                "tool_result",
                json!({ "result": { "id": "c", "ok": false, "exitCode": 1, "output": "" } })
            )
        ),
    ]));
}

#[test]
fn answers_of_calls_side_by_side_say_whose_they_are() {
    assert_snapshot!(shown(&[
        (0, 1, "agent", shell("a", "sleep 2; echo a")),
        (0, 1, "agent", shell("b", "echo b")),
        (1, 1, "agent", result("b", "b", true)),
        (2, 1, "agent", result("a", "a", true)),
    ]));
}

#[test]
fn a_to_do_list_and_a_subagent() {
    let mut plan = call("x", "TodoWrite", "think", "");
    plan["plan"] = json!([
        { "text": "Read", "state": "completed" },
        { "text": "Write", "state": "in_progress" },
        { "text": "Test", "state": "pending" },
    ]);
    assert_snapshot!(shown(&[
        (0, 1, "agent", plan),
        (1, 1, "agent", call("t", "Agent", "think", "Look around")),
        (1, 1, "agent", agent("subagent", json!({ "text": "Look around", "parent": "t" }))),
        (2, 1, "agent", agent("text", json!({ "text": "From below.", "parent": "t" }))),
        (3, 1, "agent", result("t", "Nothing found.", true)),
    ]));
}

#[test]
fn lines_of_an_earlier_version_are_shown_as_they_came() {
    assert_snapshot!(shown(&[
        (0, 1, "agent", json!({ "type": "text", "raw": "{\"type\":\"assistant\",\"message\":{}}" })),
        (1, 1, "agent", json!({ "type": "other", "raw": "{\"type\":\"system\"}" })),
    ]));
}

#[test]
fn checks_commits_and_the_end() {
    let failed = json!({
        "run": "python3 -m unittest -v", "exitCode": 1, "verdict": "failed", "why": "it exited with 1",
        "output": "FAIL: test_farewell\nAssertionError\n", "durationMs": 420, "attempt": 1,
    });
    let mut passed = failed.clone();
    passed["verdict"] = json!("passed");
    passed["why"] = json!("exit code 0");
    passed["attempt"] = json!(2);
    let detail = "A check still fails after 3 attempts.\nRead its output above.";
    assert_snapshot!(shown(&[
        (0, 1, "check", failed),
        (1, 1, "check", passed),
        (2, 1, "git", json!({ "action": "commit", "commit": "0123456789abcdef", "summary": "Add farewell" })),
        (
            3,
            2,
            "git",
            json!({ "action": "push", "branch": "caisson/x", "commit": "0123456789abcdef", "commits": 2 })
        ),
        (
            4,
            2,
            "git",
            json!({ "action": "pull_request", "url": "https://example.org/pr/1", "state": "draft" })
        ),
        (
            5,
            0,
            "state",
            json!({ "state": "ended", "outcome": "failed", "reason": "check_failed", "detail": detail })
        ),
    ]));
}

#[test]
fn notices_gates_refusals_retries_and_errors() {
    let retry = json!({ "attempt": 2, "max": 10, "delayMs": 1500, "error": "rate_limit" });
    let stopped = json!({ "stopReason": "model_error", "status": 400, "text": "API Error: 400" });
    let gate = json!({
        "id": "019a0000-0000-7000-8000-000000000000", "kind": "budget", "text": "Spend more?",
        "options": ["stop"], "since": "2027-01-15T08:00:00Z", "until": null, "answer": null,
    });
    let mut answered = gate.clone();
    answered["answer"] = json!("2.50");
    assert_snapshot!(shown(&[
        (0, 1, "notice", json!({ "about": "silence", "text": "no output for 5 min\nthe process lives" })),
        (1, 1, "egress", json!({ "host": "evil.example", "port": 443, "allowed": false })),
        (2, 1, "gate", gate),
        (2, 1, "gate", answered),
        (3, 1, "user", json!({ "text": "go on" })),
        (4, 1, "agent", agent("retry", json!({ "retry": retry }))),
        (5, 1, "agent", agent("result", stopped)),
    ]));
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    let hostile = "\u{1b}[2J\rok \u{202e}txt\u{7}";
    let rows = shown(&[
        (0, 0, "progress", json!({ "phase": hostile, "text": hostile })),
        (0, 1, "agent", agent("text", json!({ "text": hostile }))),
        (0, 1, "agent", call("a", hostile, "execute", hostile)),
        (0, 1, "agent", result("a", hostile, false)),
        (0, 1, "git", json!({ "action": "commit", "commit": hostile, "summary": hostile })),
        (0, 1, "notice", json!({ "about": hostile, "text": hostile })),
        (0, 0, "state", json!({ "state": "ended", "outcome": "failed", "detail": hostile })),
    ]);
    assert!(rows.contains("␛[2J␍ok"), "{rows}");
    let treacherous = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert_eq!(rows.chars().find(|c| treacherous(*c)), None, "{rows}");
}

#[test]
fn the_live_line_says_what_goes_on() {
    let task = TaskSpec::new("t", Vec::new());
    let mut renderer = Renderer::new(&task, TimeZone::UTC);
    let mut feed = |kind: &str, data: Value| {
        let event =
            json!({ "seq": 1, "at": "2027-01-15T08:00:00Z", "step": null, "kind": kind, "data": data });
        renderer.event(&serde_json::from_value(event).expect("an event"));
        renderer.status().map(str::to_owned)
    };
    let clone = json!({ "phase": "clone", "text": "receiving 40 %", "percent": 40 });
    assert_eq!(feed("progress", clone).as_deref(), Some("clone: receiving 40 %"));
    assert_eq!(feed("state", json!({ "state": "running" })).as_deref(), Some("working"));
    let command = shell("a", "make");
    assert_eq!(feed("agent", command).as_deref(), Some("Bash make"));
    assert_eq!(feed("agent", result("a", "", true)).as_deref(), Some("working"));
    assert_eq!(feed("state", json!({ "state": "ended", "outcome": "succeeded" })), None);
}

#[test]
fn tokens_on_their_way_show_the_row_being_written() {
    let mut renderer = Renderer::new(&TaskSpec::new("t", Vec::new()), TimeZone::UTC);
    renderer.partial("first row\nsecond ");
    renderer.partial("row");
    assert_eq!(renderer.status(), Some("second row"));
    assert!(renderer.is_writing());
}

#[test]
fn costs_that_are_not_known_are_not_zero() {
    let cost = |usd, known| summary::cost(api::run::Cost { usd, known });
    assert_eq!(cost(0.0, true), "$0.0000");
    assert_eq!(cost(0.0123, true), "$0.0123");
    assert_eq!(cost(0.0, false), "unknown");
    assert_eq!(cost(0.5, false), "unknown, at least $0.5000");
}
