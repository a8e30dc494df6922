//! What must hold of the agent's lines, whatever the agent prints: for the fuzz target, and for the tests,
//! which replay what it found.

use crate::{
    Timestamp,
    claude::{Ask, Block, Decision, Reading, read},
    event::{AgentLine, AgentLineType},
    executor::{AgentResult, ExecutionLine},
    task::PermissionProfile,
};

/// Lines of the agent: each is read, nothing of it is lost on the wire, and what it asks can be answered.
///
/// # Panics
/// When one of that does not hold.
pub fn agent_lines(bytes: &[u8]) {
    for raw in String::from_utf8_lossy(bytes).split('\n') {
        let Reading::Line { r#type, blocks, .. } = read(raw) else { continue };
        if serde_json::from_str::<serde::de::IgnoredAny>(raw).is_err() {
            assert!(
                r#type == AgentLineType::Other && blocks.is_empty(),
                "no JSON, and yet it says something"
            );
        }
        is_kept(r#type, raw);
        for block in &blocks {
            match block {
                Block::Ask(ask) => is_answered(ask),
                Block::Result(result) => is_counted(result),
                _ => {}
            }
        }
    }
}

/// The line reaches the other end of the wire as it came, in one line.
fn is_kept(r#type: AgentLineType, raw: &str) {
    let line = AgentLine { r#type, raw: raw.to_owned() };
    let line = ExecutionLine::Agent { n: 1, at: Timestamp::UNIX_EPOCH, line };
    let sent = serde_json::to_string(&line).unwrap_or_default();
    assert!(!sent.contains('\n'), "a line became two");
    assert_eq!(serde_json::from_str::<ExecutionLine>(&sent).ok(), Some(line));
}

/// Whatever it asks with, a person can answer; no answer that says no lets an approval pass.
fn is_answered(ask: &Ask) {
    drop((ask.text(), ask.options()));
    let question = ask.gate(PermissionProfile::Full).is_some();
    for answer in ["yes", "no", "", "{}", r#"{"which":"this"}"#, "[1]"] {
        match ask.decide(answer) {
            Decision::Allow { updated_input } if question => {
                assert!(updated_input["answers"].is_object(), "the answer is lost");
            }
            Decision::Allow { updated_input } => {
                assert!(answer == "yes" && updated_input == ask.input, "something else was allowed");
            }
            Decision::Deny { .. } => assert!(!question && answer != "yes", "{answer:?} was no denial"),
        }
    }
    assert!(matches!(ask.refusal(), Decision::Deny { .. }));
}

fn is_counted(result: &AgentResult) {
    let usage = &result.usage;
    let counts =
        [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_creation_tokens];
    assert!(counts.iter().all(|count| 0 <= *count), "less than no token was used");
    assert!(serde_json::to_string(result).is_ok_and(|sent| !sent.contains('\n')));
}

#[cfg(test)]
#[test]
fn what_the_fuzzer_kept_is_read() {
    testkit::replay::each("agent_lines", agent_lines);
}
