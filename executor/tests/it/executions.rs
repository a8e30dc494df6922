//! How an execution runs and how it ends.

use api::{
    agent::{AgentLineType, StopReason},
    executor::{ExecutionLine, ExitCause},
};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{ANSWER, World, exit, lines, message, processes_with, raw, read_until, result};

/// An agent that plays a recorded transcript of the real CLI.
fn playing(transcript: &str, exit_code: i32) -> String {
    let path = format!("{}/tests/fixtures/{transcript}.jsonl", env!("CARGO_MANIFEST_DIR"));
    format!("read -r prompt\ncat '{path}'\ncat >/dev/null\nexit {exit_code}")
}

#[tokio::test]
async fn a_recorded_session_comes_as_numbered_lines_with_its_result_at_the_end() {
    let world = World::start(&playing("text", 0)).await;
    let all = world.execute("a").await;
    let kept: Vec<_> = all.iter().filter_map(ExecutionLine::n).collect();
    assert_eq!(kept, (1..=kept.len() as u64).collect::<Vec<_>>());
    let types: Vec<_> = all
        .iter()
        .filter_map(|line| match line {
            ExecutionLine::Agent { line, .. } => Some(line.event.r#type),
            _ => None,
        })
        .collect();
    use AgentLineType::{Init, Result, Text, Thinking};
    assert_eq!(types.first(), Some(&Init));
    assert_eq!(types.last(), Some(&Result));
    assert!(types.contains(&Text) && types.iter().all(|kind| [Init, Result, Text, Thinking].contains(kind)));
    assert_eq!(exit(&all).cause, ExitCause::Exited);
    assert_eq!(exit(&all).code, Some(0));
    assert_eq!(result(&all).stop_reason, StopReason::EndTurn);
}

#[tokio::test]
async fn a_failed_result_and_the_exit_code_are_both_told() {
    let world = World::start(&playing("max_turns", 1)).await;
    let all = world.execute("a").await;
    assert_eq!(exit(&all).code, Some(1));
    assert_eq!(result(&all).stop_reason, StopReason::MaxTurns);
}

#[tokio::test]
async fn the_agent_gets_its_arguments_its_prompt_and_nothing_of_the_executors_environment() {
    let script = r#"read -r prompt; printf '%s\n' "$prompt" "$*"; env; pwd; cat >/dev/null &
echo '{"type":"result","is_error":false}'"#;
    let world = World::start(script).await;
    let identity = json!({"githubUsername": "Ada", "email": "ada@example.org"});
    world.call("/init-git", identity).await;
    let more = json!({"prompt": "say \"hi\"", "env": {"EXTRA": "1"}, "permissionProfile": "edit", "maxTurns": 3,
                      "budgetUsd": 0.5, "resume": "s-1", "modelRetries": 2});
    let all = world.execute_with("a", more).await;
    let text = raw(&all);
    let message: serde_json::Value = serde_json::from_str(text[0]).unwrap();
    assert_eq!(message["message"]["content"], "say \"hi\"");
    assert_eq!(
        text[1].replace(world.workspace().to_str().unwrap(), "WORKSPACE"),
        "-p --input-format stream-json --output-format stream-json --verbose --include-partial-messages --model m \
         --settings {\"attribution\":{\"commit\":\"\",\"pr\":\"\"}} --setting-sources user --strict-mcp-config --add-dir WORKSPACE \
         --permission-mode acceptEdits \
         --permission-prompt-tool stdio --disallowedTools EnterPlanMode,ExitPlanMode --resume s-1 --max-turns 3 \
         --max-budget-usd 0.5"
    );
    let base_url = format!("ANTHROPIC_BASE_URL=http://{}", world.relay);
    let (home, workspace) = (world.config.agent_home.display(), world.workspace());
    for line in [
        base_url.as_str(),
        "ANTHROPIC_API_KEY=run-token",
        "EXTRA=1",
        "LANG=C.UTF-8",
        "GIT_AUTHOR_NAME=Ada",
        "GIT_COMMITTER_EMAIL=ada@example.org",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS=1",
        "DISABLE_AUTOUPDATER=1",
        "API_TIMEOUT_MS=86400000",
        "API_FORCE_IDLE_TIMEOUT=0",
        "CLAUDE_CODE_MAX_RETRIES=2",
        &format!("HOME={home}"),
        workspace.to_str().unwrap(),
    ] {
        assert!(text.contains(&line), "{line} is missing in {text:#?}");
    }
    let own = ["CARGO", "RUST", "CAISSON_TOKEN"];
    assert!(!text.iter().any(|line| own.iter().any(|name| line.starts_with(name))), "{text:#?}");
}

#[tokio::test]
async fn lines_of_megabytes_and_bytes_that_are_not_utf8_arrive() {
    let script = r#"printf 'a\xff\xfeb\n'; head -c 3000000 /dev/zero | tr '\0' x; echo; echo last"#;
    let world = World::start(script).await;
    let all = world.execute("a").await;
    let raw = raw(&all);
    assert_eq!(raw.len(), 3);
    assert_eq!(raw[0], "a\u{fffd}\u{fffd}b");
    assert_eq!(raw[1], "x".repeat(3_000_000));
    assert_eq!(raw[2], "last");
}

#[tokio::test]
async fn standard_error_is_kept_as_lines_and_its_end_is_in_the_exit() {
    let world = World::start("for i in $(seq 2000); do echo line $i >&2; done; exit 3").await;
    let all = world.execute("a").await;
    let said = all.iter().filter(|line| matches!(line, ExecutionLine::Stderr { .. })).count();
    assert_eq!(said, 2000);
    assert_eq!(exit(&all).code, Some(3));
    assert!(exit(&all).stderr.ends_with("line 1999\nline 2000\n"));
    assert!(exit(&all).stderr.len() <= 4096);
}

#[tokio::test]
async fn an_agent_that_hangs_after_its_result_is_killed_and_its_result_stays() {
    let script = format!("{ANSWER}\nsleep 1000.101 & wait");
    let world = World::start_with(&script, |config| config.result_grace_seconds = 1).await;
    let all = world.execute("a").await;
    assert_eq!(exit(&all).cause, ExitCause::HungAfterResult);
    assert_eq!(result(&all).text, "done");
    assert_eq!(processes_with("sleep 1000.101"), 0);
}

#[tokio::test]
async fn a_grandchild_that_holds_the_output_open_does_not_hold_the_end_back() {
    let world = World::start(&format!("{ANSWER}\nsetsid sleep 1000.102 &")).await;
    let all = world.execute("a").await;
    assert_eq!(exit(&all).cause, ExitCause::Exited);
    assert_eq!(exit(&all).code, Some(0));
    assert_eq!(processes_with("sleep 1000.102"), 0);
}

#[tokio::test]
async fn a_cancelled_execution_leaves_no_process() {
    let script = "trap 'exit 143' TERM\nsetsid sleep 1000.103 &\n(setsid bash -c 'trap \"\" TERM; \
                  while :; do sleep 1000.104; done' &)\necho ready\nwait";
    let world = World::start(script).await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    assert_eq!(world.post("/executions/a/cancel", json!({})).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(world.post("/executions/a/cancel", json!({})).await.status(), StatusCode::NO_CONTENT);
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(exit(&all).cause, ExitCause::Cancelled);
    assert_eq!(processes_with("sleep 1000.103") + processes_with("sleep 1000.104"), 0);
    // Over is over, and cancelling it again is fine.
    assert_eq!(world.post("/executions/a/cancel", json!({})).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_agent_that_ignores_term_is_killed_after_its_grace() {
    let world = World::start("trap '' TERM\necho ready\nwhile :; do sleep 1000.105; done").await;
    let mut stream = world.begin_with("a", json!({"timeoutSeconds": 1})).await;
    read_until(&mut stream, "ready").await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(exit(&all).cause, ExitCause::Timeout);
    assert_eq!(exit(&all).signal, Some(9));
    assert_eq!(processes_with("sleep 1000.105"), 0);
}

/// Why each turn ended, as the log says it.
fn turns(lines: &[ExecutionLine]) -> Vec<StopReason> {
    let reason = |line: &ExecutionLine| match line {
        ExecutionLine::Agent { line, .. } => line.event.stop_reason,
        _ => None,
    };
    lines.iter().filter_map(reason).collect()
}

#[tokio::test]
async fn a_turn_without_a_result_gets_one_and_a_turn_with_one_no_second() {
    for (script, expected) in [
        ("read -r prompt; echo said", StopReason::NoResult),
        ("read -r prompt; exit 3", StopReason::NoResult),
        ("read -r prompt; kill -9 $$", StopReason::NoResult),
        (r#"read -r prompt; echo '{"type":"result","is_error":false}'"#, StopReason::EndTurn),
    ] {
        let world = World::start(script).await;
        let all = world.execute("a").await;
        assert_eq!((turns(&all), result(&all).stop_reason), (vec![expected], expected), "{script}");
    }
    let begun = r#"echo '{"type":"result","is_error":false}'; echo '{"type":"system","subtype":"init"}'"#;
    let world = World::start(&format!("read -r prompt; {begun}")).await;
    assert_eq!(turns(&world.execute("a").await), [StopReason::EndTurn, StopReason::NoResult]);
    let world = World::start("read -r prompt; read -r more").await;
    let all = world.execute_with("a", json!({"timeoutSeconds": 1})).await;
    assert_eq!(turns(&all), [StopReason::Cancelled]);
}

#[tokio::test]
async fn an_agent_that_does_not_exist_is_not_started() {
    let world = World::start_with("", |config| config.agent_bin = "/nowhere/claude".to_owned()).await;
    let all = world.execute("a").await;
    assert_eq!((exit(&all).cause, turns(&all)), (ExitCause::NotStarted, Vec::new()));
    assert!(exit(&all).stderr.contains("No such file"), "{}", exit(&all).stderr);
}

#[tokio::test]
async fn a_message_reaches_the_agent_while_it_works_and_the_second_result_counts() {
    let script = r#"read -r first; echo ready; read -r second; printf '%s\n' "$second"
echo '{"type":"result","is_error":true,"result":"one"}'
echo '{"type":"system","subtype":"init"}'
echo '{"type":"result","is_error":false,"result":"two"}'
if read -r third; then echo "there is more"; else echo "input is closed"; fi"#;
    let world = World::start(script).await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    let said = world.post("/executions/a/input", message("1", "and this")).await;
    assert_eq!(said.status(), StatusCode::NO_CONTENT);
    let all = lines(world.events("a", 0).await).await;
    assert!(raw(&all)[1].contains("and this"));
    assert_eq!(raw(&all).last(), Some(&"input is closed"));
    assert_eq!(result(&all).text, "two");
    let (status, why) = world.refused("/executions/a/input", message("2", "late")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("takes no more messages"), "{why}");
}

#[tokio::test]
async fn one_agent_runs_at_a_time_and_the_same_id_starts_nothing() {
    let world = World::start("echo started >> runs\necho ready\nread -r prompt; read -r wait").await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    let again = world.begin("a").await;
    let (status, why) = world.refused("/execute", crate::harness::execute_body("b", json!({}))).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains('a'), "{why}");
    world.post("/executions/a/cancel", json!({})).await;
    assert_eq!(raw(&lines(again).await), ["ready"]);
    assert_eq!(std::fs::read_to_string(world.workspace().join("runs")).unwrap(), "started\n");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_with_the_fields_name() {
    let world = World::start("").await;
    for (more, field) in [
        (json!({"executionId": "../x"}), "executionId"),
        (json!({"prompt": "  "}), "prompt"),
        (json!({"prompt": 3}), "prompt"),
        (json!({"model": "--help"}), "model"),
        (json!({"resume": "-x"}), "resume"),
        (json!({"timeoutSeconds": 0}), "timeoutSeconds"),
        (json!({"budgetUsd": 0.0}), "budgetUsd"),
        (json!({"colour": "red"}), "colour"),
        (json!({"env": {"ANTHROPIC_API_KEY": "x"}}), "ANTHROPIC_API_KEY"),
        (json!({"env": {"LD_PRELOAD": "x"}}), "LD_PRELOAD"),
        (json!({"env": {"A=B": "x"}}), "A=B"),
    ] {
        let (status, why) = world.refused("/execute", crate::harness::execute_body("a", more)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(why.contains(field), "{why}");
    }
    assert_eq!(world.events("a", 0).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_path_but_health_needs_the_token() {
    let world = World::start("").await;
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{}{path}", world.address);
    let health: serde_json::Value = client.get(url("/health")).send().await.unwrap().json().await.unwrap();
    assert_eq!(health, json!({"status": "ok", "version": "0.1.0", "firewall": "unchecked"}));
    for path in ["/init-git", "/git-clone", "/execute", "/executions/a/ack", "/executions/a/input", "/checks"]
        .into_iter()
        .chain(["/executions/a/cancel", "/commit", "/diff", "/push"])
    {
        for token in ["", "wrong", "a-token-for-test", "a-token-for-testsX"] {
            let response = client.post(url(path)).bearer_auth(token).body("{}").send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    for path in ["/link", "/executions/a", "/executions/a/events", "/egress"] {
        assert_eq!(client.get(url(path)).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
}
