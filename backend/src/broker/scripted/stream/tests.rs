use futures::StreamExt;

use super::*;
use crate::broker::scripted::request::Request;

fn script(turn: &Value) -> Script {
    serde_json::from_value(json!({"delay_ms": 0, "chunk": 10, "turns": [turn]})).unwrap()
}

fn message(script: &Script) -> Message {
    let request =
        Request::read(&json!({"model": "claude-x", "messages": [{"role": "user", "content": "Hi"}]}));
    let mut count = 0;
    Message::of(&script.turns[0], &request, &script.variables, |kind| {
        count += 1;
        format!("{kind}_{count}")
    })
}

/// The whole stream of a turn; `Err` with what came before when it is cut.
async fn play(turn: &Value) -> Result<String, String> {
    let script = script(turn);
    let mut stream = Box::pin(body(message(&script), Pace::of(&script.turns[0], &script)));
    let mut text = String::new();
    while let Some(bytes) = stream.next().await {
        match bytes {
            Ok(bytes) => text.push_str(str::from_utf8(&bytes).unwrap()),
            Err(Cut) => return Err(text),
        }
    }
    Ok(text)
}

#[tokio::test]
async fn a_turn_is_streamed_as_the_real_api_does() {
    let turn = json!({
        "thinking": "I'll look around.",
        "text": "Ünï 🎈 codé, in pieces",
        "tools": [{"name": "Bash", "input": {"command": "ls"}}],
        "usage": {"input_tokens": 12, "output_tokens": 42},
    });
    insta::assert_snapshot!(play(&turn).await.unwrap());
}

#[tokio::test]
async fn raw_blocks_are_streamed_as_they_are() {
    let turn = json!({"blocks": [
        {"type": "text", "text": "a"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}},
        {"type": "tool_use", "id": "mine", "name": "Bash"},
    ], "usage": {"input_tokens": 1, "output_tokens": 1}});
    insta::assert_snapshot!(play(&turn).await.unwrap());
}

#[tokio::test]
async fn a_stream_error_comes_instead_of_the_end() {
    let stream = play(&json!({"text": "a", "stream_error": "overloaded_error"})).await.unwrap();
    let last = stream.trim_end().lines().last().unwrap();
    assert_eq!(last, r#"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);
    assert!(!stream.contains("message_delta"));
}

#[tokio::test]
async fn a_cut_comes_instead_of_the_end() {
    let stream = play(&json!({"text": "a", "cut": true})).await.unwrap_err();
    assert!(stream.contains("content_block_stop") && !stream.contains("message_delta"), "{stream}");
}

#[tokio::test]
async fn a_hanging_stream_pings_instead_of_ending() {
    let script = script(&json!({"text": "a", "hang": true}));
    let stream = body(message(&script), Pace::of(&script.turns[0], &script));
    let frames = stream.map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap());
    // Start, ping, block start, delta, block stop; then only pings.
    let after = frames.skip(5).take(2).collect::<Vec<_>>().await;
    assert_eq!(after, ["event: ping\ndata: {\"type\":\"ping\"}\n\n"; 2]);
}

#[tokio::test]
async fn a_silent_hang_says_nothing_more() {
    let script = script(&json!({"text": "a", "hang": "silent"}));
    let mut stream = Box::pin(body(message(&script), Pace::of(&script.turns[0], &script)).skip(5));
    assert!(tokio::time::timeout(PING * 2, stream.next()).await.is_err());
}

#[tokio::test]
async fn there_is_a_pause_after_each_delta() {
    let started = std::time::Instant::now();
    play(&json!({"text": "abcd", "chunk": 1, "delay_ms": 20})).await.unwrap();
    assert!(Duration::from_millis(80) <= started.elapsed());
}

#[test]
fn pieces_are_of_characters_and_not_of_bytes() {
    assert_eq!(pieces("äöü🎈x".to_owned(), 2).collect::<Vec<_>>(), ["äö", "ü🎈", "x"]);
    assert_eq!(pieces("ab".to_owned(), usize::MAX).collect::<Vec<_>>(), ["ab"]);
    assert_eq!(pieces(String::new(), 3).count(), 0);
}
