//! What the agent asks while it works, who answers, and what is said of it from outside.

use api::executor::{ExecutionStatus, ExitCause};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{World, exit, lines, message, raw, read_until, result};

/// Asks once (with this tool), repeats what it is answered, and ends.
fn asking(tool: &str) -> String {
    format!(
        r#"read -r prompt
echo '{{"type":"control_request","request_id":"r-1","request":{{"subtype":"can_use_tool","tool_name":"{tool}","input":{{"command":"ls"}}}}}}'
read -r answer; printf 'heard %s\n' "$answer"
echo '{{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s"}}'
cat"#
    )
}

fn answer(decision: &Value) -> Value {
    json!({"type": "answer", "requestId": "r-1", "decision": decision})
}

fn allow() -> Value {
    answer(&json!({"type": "allow"}))
}

/// What the agent read, from what it repeated.
fn heard(raw: &[&str]) -> Value {
    serde_json::from_str(raw.iter().find_map(|line| line.strip_prefix("heard ")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_person_answers_what_the_agent_asks_and_an_answer_counts_once() {
    let world = World::start(&asking("Bash")).await;
    let mut stream = world.begin_with("a", json!({"permissionProfile": "ask"})).await;
    read_until(&mut stream, "can_use_tool").await;
    let other = json!({"type": "answer", "requestId": "r-2", "decision": {"type": "deny", "message": "no"}});
    let (status, why) = world.refused("/executions/a/input", other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("waits for no answer to \"r-2\""), "{why}");
    for _ in 0..2 {
        world.call("/executions/a/input", allow()).await;
    }
    let all = lines(world.events("a", 0).await).await;
    let response = json!({"subtype": "success", "request_id": "r-1",
                          "response": {"behavior": "allow", "updatedInput": {"command": "ls"}}});
    assert_eq!(heard(&raw(&all)), json!({"type": "control_response", "response": response}));
    assert_eq!(raw(&all).iter().filter(|line| line.contains("control_response")).count(), 1);
    assert_eq!(result(&all).text, "done");
    // It is over, and the answer was given all the same.
    world.call("/executions/a/input", allow()).await;
}

#[tokio::test]
async fn a_request_that_is_too_long_to_be_kept_can_only_be_denied() {
    let script = r#"read -r prompt
long=$(head -c 3000000 /dev/zero | tr '\0' x)
printf '{"type":"control_request","request_id":"r-1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"%s"}}}\n' "$long"
read -r answer; printf 'heard %s\n' "$answer""#;
    let world = World::start(script).await;
    let mut stream = world.begin_with("a", json!({"permissionProfile": "ask"})).await;
    read_until(&mut stream, "can_use_tool").await;
    let (status, why) = world.refused("/executions/a/input", allow()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("can only be denied"), "{why}");
    world.call("/executions/a/input", answer(&json!({"type": "deny", "message": "no"}))).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(heard(&raw(&all))["response"]["response"]["behavior"], "deny");
}

#[tokio::test]
async fn where_nobody_is_to_be_asked_the_answer_is_no_at_once() {
    for profile in ["full", "edit", "read_only"] {
        let world = World::start(&asking("WebFetch")).await;
        let all = world.execute_with("a", json!({"permissionProfile": profile})).await;
        let decision = heard(&raw(&all))["response"]["response"].clone();
        assert_eq!(decision["behavior"], "deny");
        assert!(decision["message"].as_str().unwrap().contains("WebFetch"), "{decision}");
    }
}

#[tokio::test]
async fn a_question_waits_for_a_person_in_every_profile_and_the_clock_stands_still() {
    let world = World::start(&asking("AskUserQuestion")).await;
    let mut stream = world.begin_with("a", json!({"timeoutSeconds": 1})).await;
    read_until(&mut stream, "can_use_tool").await;
    // One that begins later and waits for nobody is over its time first: this one would be killed by now.
    let other = World::start("read -r prompt\nread -r more").await;
    let all = other.execute_with("b", json!({"timeoutSeconds": 1})).await;
    assert_eq!(exit(&all).cause, ExitCause::Timeout);
    world.call("/executions/a/input", allow()).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(exit(&all).cause, ExitCause::Exited);
    assert_eq!(result(&all).text, "done");
}

#[tokio::test]
async fn what_the_agent_withdraws_cannot_be_answered_and_what_nobody_can_answer_is_refused() {
    let script = r#"read -r prompt
echo '{"type":"control_request","request_id":"r-0","request":{"subtype":"elicitation"}}'
read -r answer; printf 'heard %s\n' "$answer"
echo '{"type":"control_request","request_id":"r-1","request":{"subtype":"can_use_tool","tool_name":"AskUserQuestion","input":{}}}'
echo '{"type":"control_cancel_request","request_id":"r-1"}'
echo withdrawn
read -r go"#;
    let world = World::start(script).await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "withdrawn").await;
    let (status, why) = world.refused("/executions/a/input", allow()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("withdrawn"), "{why}");
    world.call("/executions/a/input", message("m", "go")).await;
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(heard(&raw(&all))["response"]["subtype"], "error");
}

#[tokio::test]
async fn a_message_that_is_given_twice_is_said_once() {
    let world = World::start(
        "read -r prompt\necho ready\nread -r one\nread -r two\nprintf '%s\\n' \"$one\" \"$two\"",
    )
    .await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    for (id, text) in [("1", "first"), ("1", "first"), ("2", "second"), ("1", "first")] {
        world.call("/executions/a/input", message(id, text)).await;
    }
    let all = lines(world.events("a", 0).await).await;
    assert_eq!(raw(&all).len(), 3);
    assert!(raw(&all)[1].contains("first") && raw(&all)[2].contains("second"));
}

#[tokio::test]
async fn the_status_of_an_execution_tells_its_processes_and_their_work() {
    let script = "read -r prompt\nfor i in $(seq 200000); do :; done\nsleep 1000.501 &\necho ready\nread -r go; kill %1";
    let world = World::start(script).await;
    let mut stream = world.begin("a").await;
    read_until(&mut stream, "ready").await;
    let status = || async {
        let answer = world.request(Method::GET, "/executions/a").send().await.unwrap();
        answer.json::<ExecutionStatus>().await.unwrap()
    };
    let mut during = status().await;
    // A process that has just begun is not known by its environment yet.
    while during.processes < 2 {
        during = status().await;
    }
    assert_eq!((during.running, during.processes, during.n), (true, 2, 1));
    assert!(0.0 < during.cpu_seconds.unwrap(), "{during:?}");
    world.call("/executions/a/input", message("1", "go")).await;
    lines(stream).await;
    let after = status().await;
    assert_eq!(after, ExecutionStatus { running: false, processes: 0, cpu_seconds: Some(0.0), n: 3 });
}
