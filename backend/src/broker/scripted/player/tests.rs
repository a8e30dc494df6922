use std::io::Write as _;

use axum::{
    Router,
    http::{Method, StatusCode},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use super::*;
use crate::broker::loopback::Loopback;

fn player(script: &Value) -> Player {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.json");
    std::fs::write(&file, script.to_string()).unwrap();
    Player::load(&file).unwrap()
}

fn prompt(text: &str) -> Value {
    let tools = json!([{"name": "Bash"}]);
    json!({"model": "claude-x", "tools": tools, "messages": [{"role": "user", "content": text}]})
}

async fn send(
    player: &Player,
    run: RunId,
    call: Call,
    body: impl Into<Body>,
) -> (StatusCode, HeaderMap, Value) {
    let answer = player.answer(run, &Room::of(1 << 20), call, extract::Request::new(body.into())).await;
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
}

/// The answer to a message that is not streamed.
async fn ask(player: &Player, body: &Value) -> (StatusCode, HeaderMap, Value) {
    send(player, RunId::mint(), Call::Messages, body.to_string()).await
}

#[tokio::test]
async fn a_turn_becomes_a_message() {
    let player = player(&json!({"turns": [{
        "thinking": "hm", "text": "Hi.", "tools": [{"name": "Bash", "input": {"command": "ls"}}],
        "model": "other", "stop_reason": "max_tokens", "usage": {"output_tokens": 42},
        "headers": {"anthropic-ratelimit-unified-status": "allowed_warning", "bad name": "x"},
    }]}));
    let (status, headers, message) = ask(&player, &prompt("Hello")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["anthropic-ratelimit-unified-status"], "allowed_warning");
    assert!(headers.contains_key("request-id"));
    let kinds = message["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect::<Vec<_>>();
    assert_eq!(kinds, ["thinking", "text", "tool_use"]);
    assert_eq!(message["content"][2]["input"], json!({"command": "ls"}));
    assert_eq!((&message["model"], &message["stop_reason"]), (&json!("other"), &json!("max_tokens")));
    assert_eq!(message["usage"]["output_tokens"], 42);
    assert!(message["usage"]["input_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn names_are_filled_in_everywhere_but_not_twice() {
    let player = player(&json!({
        "variables": {"WHO": "Ada", "cwd": "/elsewhere"},
        "turns": [{
            "text": "${WHO} ${prompt} ${unknown} ${",
            "tools": [{"name": "Write", "input": {"file_path": "${cwd}/a", "more": ["${session}"]}}],
            "headers": {"x-who": "${WHO}"},
        }],
    }));
    let (_, headers, message) = ask(&player, &prompt("say ${WHO}")).await;
    assert_eq!(message["content"][0]["text"], "Ada say ${WHO} ${unknown} ${");
    assert_eq!(message["content"][1]["input"], json!({"file_path": "/elsewhere/a", "more": [""]}));
    assert_eq!(headers["x-who"], "Ada");
}

#[tokio::test]
async fn no_id_comes_twice_even_after_a_restart() {
    let script = json!({"default": {"tools": [{"name": "Bash"}]}});
    let mut ids = Vec::new();
    for player in [player(&script), player(&script)] {
        for _ in 0..2 {
            let (_, _, message) = ask(&player, &prompt("x")).await;
            ids.extend([message["id"].to_string(), message["content"][0]["id"].to_string()]);
        }
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), all), (8, 8));
}

#[tokio::test]
async fn errors_are_answered_first_for_each_run_and_prompt() {
    let player = player(&json!({"turns": [{"text": "fine", "errors": [
        {"times": 2, "message": "Overloaded"},
        {"status": 429, "type": "own_error", "headers": {"retry-after": "1"}},
    ]}]}));
    let (run, other) = (RunId::mint(), RunId::mint());
    let send = |run, text| send(&player, run, Call::Messages, prompt(text).to_string());
    let (status, _, error) = send(run, "a").await;
    assert_eq!(status, 529);
    assert_eq!(
        error,
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    );
    assert_eq!(send(other, "a").await.0, 529);
    assert_eq!(send(run, "a").await.0, 529);
    let (status, headers, error) = send(run, "a").await;
    assert_eq!((status, &headers["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap()));
    assert_eq!(error["error"], json!({"type": "own_error", "message": "own_error"}));
    assert_eq!(send(run, "a").await.0, 200);
    assert_eq!(send(run, "b").await.0, 529, "another first prompt is counted by itself");
    assert_eq!(send(other, "a").await.0, 529, "another run is counted by itself");
}

#[tokio::test]
async fn what_is_counted_has_a_limit() {
    let player = player(&json!({"turns": [{"errors": [{"times": 9}]}]}));
    let run = RunId::mint();
    for number in 0..MAX_COUNTED + 5 {
        player.count(run, Place::Side, &number.to_string());
    }
    assert!(player.0.attempts.lock().unwrap().len() <= MAX_COUNTED);
}

#[tokio::test]
async fn before_ms_comes_before_the_answer() {
    let started = std::time::Instant::now();
    let player = player(&json!({"turns": [{"before_ms": 60}]}));
    assert_eq!(ask(&player, &prompt("x")).await.2["content"][0]["text"], "Done.");
    assert!(Duration::from_millis(60) <= started.elapsed());
}

#[tokio::test]
async fn tokens_are_estimated_and_models_are_none() {
    let player = player(&json!({}));
    let count =
        send(&player, RunId::mint(), Call::CountTokens, prompt(&"word ".repeat(800)).to_string()).await;
    assert!((1000..1100).contains(&count.2["input_tokens"].as_u64().unwrap()), "{}", count.2);
    let models = send(&player, RunId::mint(), Call::Models, Body::empty()).await;
    assert_eq!(models.2["data"], json!([]));
}

#[tokio::test]
async fn a_packed_body_is_unpacked_and_what_is_no_json_refused() {
    let player = player(&json!({"turns": [{"text": "unpacked"}]}));
    let pack = |bytes: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let send = async |body: Vec<u8>, encoding: &str| {
        let request = extract::Request::builder().method(Method::POST).header("content-encoding", encoding);
        let request = request.body(Body::from(body)).unwrap();
        player.answer(RunId::mint(), &Room::of(1 << 20), Call::Messages, request).await.status().as_u16()
    };
    assert_eq!(send(pack(prompt("x").to_string().as_bytes()), "gzip").await, 200);
    assert_eq!(send(b"not packed".to_vec(), "gzip").await, 400);
    assert_eq!(send(b"not JSON".to_vec(), "identity").await, 400);
    assert_eq!(send(pack(&vec![b' '; (32 << 20) + 1]), "gzip").await, 413, "a bomb");
    assert_eq!(send(vec![b' '; (32 << 20) + 1], "identity").await, 413);
}

/// Asks for a streamed answer over a real connection.
async fn stream(script: &Value) -> (Loopback, reqwest::Response) {
    let player = player(script);
    let answer = move |request| async move {
        player.answer(RunId::mint(), &Room::of(1 << 20), Call::Messages, request).await
    };
    let server = Loopback::serve(Router::new().fallback(answer)).await;
    let mut body = prompt("x");
    body["stream"] = true.into();
    let call = reqwest::Client::new().post(server.at("/")).body(body.to_string());
    let answer = call.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
    (server, answer)
}

#[tokio::test]
async fn a_cut_drops_the_connection_after_what_was_said() {
    for delay in [0, 5] {
        let (_server, mut answer) =
            stream(&json!({"delay_ms": delay, "turns": [{"text": "This is cut.", "cut": true}]})).await;
        let mut text = String::new();
        let error = loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => text.push_str(str::from_utf8(&bytes).unwrap()),
                Ok(None) => panic!("the stream ended properly"),
                Err(error) => break error,
            }
        };
        assert!(text.contains("This is cut.") && text.contains("content_block_stop"), "{text}");
        assert!(error.is_body() || error.is_decode(), "{error:?}");
    }
}

#[tokio::test]
async fn a_whole_stream_ends_properly() {
    let (_server, answer) = stream(&json!({"delay_ms": 0, "turns": [{"text": "whole"}]})).await;
    assert!(answer.text().await.unwrap().ends_with("data: {\"type\":\"message_stop\"}\n\n"));
}

#[tokio::test]
async fn a_hanging_answer_ends_when_the_client_goes_away() {
    for hang in [json!(true), json!("silent")] {
        let (server, mut answer) = stream(&json!({"turns": [{"text": "Wait.", "hang": hang}]})).await;
        assert!(answer.chunk().await.unwrap().is_some());
        drop(answer);
        assert!(server.stop().await, "the answer goes on without a reader");
    }
}
