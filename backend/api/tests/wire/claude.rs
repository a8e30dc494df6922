//! Lines that Claude Code 2.1.329 has written, long fields left out, and what is read from them.

use api::{
    claude::{Block, Reading, read},
    event::AgentLineType,
};

#[test]
fn recorded_lines_are_sorted() {
    let lines = include_str!("../fixtures/claude_lines.jsonl").lines();
    let readings: Vec<String> = lines.map(|line| format!("{:?}", read(line))).collect();
    insta::assert_snapshot!("claude_lines", readings.join("\n"));
}

#[test]
fn a_line_that_is_none_is_kept_as_other() {
    for line in ["", "Killed", "null", "[]", "{\"type\":7}", "{\"type\":\"assist", "{\"type\":\"invented\"}"]
    {
        let other = Reading::Line { r#type: AgentLineType::Other, blocks: Vec::new(), parent: None };
        assert_eq!(read(line), other, "{line}");
    }
}

#[test]
fn a_result_that_does_not_say_is_an_error() {
    let Reading::Line { blocks, .. } = read(r#"{"type":"result","errors":["a","b"]}"#) else {
        panic!("a line");
    };
    let [Block::Result(result)] = blocks.as_slice() else { panic!("one result: {blocks:?}") };
    assert!(result.is_error);
    assert_eq!((result.text.as_str(), result.total_cost_usd), ("a; b", None), "unknown costs are not 0");
}
