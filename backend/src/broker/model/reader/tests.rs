use axum::http::HeaderValue;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn reader(kind: &'static str) -> Reader {
    Reader::of(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]))
}

fn heard(kind: &'static str, text: &str) -> Heard {
    let mut reader = reader(kind);
    reader.feed(text.as_bytes());
    reader.heard()
}

/// Events as they are sent, the way the real API and others write them.
fn stream(line_end: &str, events: &[Value]) -> String {
    let frame = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        format!("event: {kind}{line_end}data: {event}{line_end}{line_end}")
    };
    events.iter().map(frame).collect()
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"model": "claude-x", "usage": {
        "input_tokens": 10, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 5, "output_tokens": 1,
    }}})
}

fn text(text: &str) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
}

fn end(output: i64) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output}}),
        json!({"type": "message_stop"}),
    ]
}

/// With a text so long.
fn whole_stream(line_end: &str, long: usize) -> String {
    let [delta, stop] = end(42);
    let [early, _] = end(30);
    let secret = text("data: {\"type\": \"message_stop\"}\n\"usage\": {\"output_tokens\": 9999} übrig");
    stream(line_end, &[start(), json!({"type": "ping"}), secret, early, text(&"x".repeat(long)), delta, stop])
}

#[test]
fn a_stream_tells_its_model_and_the_last_totals() {
    for line_end in ["\n", "\r\n"] {
        let mut reader = reader("text/event-stream; charset=utf-8");
        reader.feed(whole_stream(line_end, 300 << 10).as_bytes());
        let heard = reader.heard();
        assert!(reader.is_finished());
        assert_eq!(heard.model.as_deref(), Some("claude-x"));
        assert_eq!((heard.usage.input, heard.usage.output, heard.usage.prompt()), (Some(10), Some(42), 35));
    }
}

#[test]
fn what_a_cut_stream_wrote_is_estimated() {
    let thinking =
        json!({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "süß!"}});
    let tool = json!({"type": "content_block_delta", "delta": {"partial_json": "1234"}});
    let cut = stream("\n", &[start(), text(&"word".repeat(10)), thinking, tool]);
    let heard_of = |events: &str| heard("text/event-stream", events);
    assert_eq!(heard_of(&cut).usage.output, Some(12));
    assert_eq!(heard_of(&stream("\n", &[start(), text("a")])).usage.output, Some(1), "as it was told");
    assert_eq!(heard_of(&stream("\n", &[text("a word or two")])).usage.output, Some(3));
    assert_eq!(heard_of("").usage, Counted::default());
}

#[test]
fn a_line_that_is_too_long_is_not_kept() {
    let mut events = Events::default();
    events.feed(b"data: {\"type\": \"message_start\", \"x\": \"");
    for _ in 0..8 {
        events.feed(&vec![b'x'; 100 << 10]);
    }
    events.feed(b"\"}\n");
    events.feed(stream("\n", &[start()]).as_bytes());
    assert_eq!(events.heard().usage.input, Some(10));
    let mut whole = Whole::default();
    for _ in 0..20 {
        whole.feed(&vec![b' '; 1 << 20]);
    }
    assert!(whole.bytes.is_empty());
    whole.feed(br#"{"model": "m"}"#);
    assert_eq!(whole.heard(), Heard::default(), "the end alone is no answer");
}

#[test]
fn an_answer_that_is_not_streamed_tells_as_much() {
    let message = json!({"type": "message", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 2}});
    let heard_of = |text: &str| heard("application/json", text);
    let found = heard_of(&message.to_string());
    assert_eq!((found.model.as_deref(), found.usage.totals().output_tokens), (Some("m"), 2));
    for unreadable in ["", "{}", "[1]", "{\"model\": \"m", "\u{1f}\u{8b}"] {
        assert_eq!(heard_of(unreadable), Heard::default(), "{unreadable}");
    }
}

#[test]
fn an_error_answer_tells_its_sentence() {
    let message = |text: &str| {
        let mut whole = Whole::default();
        whole.feed(text.as_bytes());
        whole.error_message()
    };
    assert_eq!(
        message(r#"{"error": {"message": "invalid x-api-key"}}"#).as_deref(),
        Some("invalid x-api-key")
    );
    assert_eq!(message("<html>"), None);
}

proptest! {
    #[test]
    fn any_cut_reads_the_same(line_end in prop_oneof![Just("\n"), Just("\r\n")], cuts in prop::collection::vec(1_usize..1000, 1..60)) {
        let text = whole_stream(line_end, 3000);
        let (mut reader, mut rest) = (reader("text/event-stream"), text.as_bytes());
        for cut in cuts {
            // Small and large pieces, so that cuts fall everywhere in the short events too.
            let (piece, after) = rest.split_at((if cut % 2 == 0 { cut / 20 } else { cut }).min(rest.len()));
            reader.feed(piece);
            rest = after;
        }
        reader.feed(rest);
        prop_assert!(reader.is_finished());
        prop_assert_eq!(reader.heard(), heard("text/event-stream", &text));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for kind in ["text/event-stream", "application/json", ""] {
            let mut reader = reader(kind);
            reader.feed(&bytes);
            prop_assert_eq!(reader.heard(), Heard::default());
        }
    }
}
