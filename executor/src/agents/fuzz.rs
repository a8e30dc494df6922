//! What must hold of the agent's lines, whatever the agent prints: for the fuzz target, and for the tests,
//! which replay what it found.

use api::{
    Timestamp,
    agent::{AgentEvent, AgentLine, AgentLineType, AgentUsage, Decision, PermissionRequest},
    executor::ExecutionLine,
    task::{Agent, PermissionProfile},
};
use serde_json::Value;

use super::{Adapter, Reading, adapter};

/// What the events of a line may take beside it, in bytes of JSON: the texts, each letter of which may be an
/// escape, and what is around them. A request may be longer, up to four times its line.
const MOST: usize = 512 << 10;

/// Lines of the agent: each is read, nothing of it is lost on the wire, and what it asks can be answered.
///
/// # Panics
/// When one of that does not hold.
pub fn agent_lines(bytes: &[u8]) {
    let agent = adapter(Agent::ClaudeCode);
    for raw in String::from_utf8_lossy(bytes).split('\n') {
        line(agent, raw);
    }
}

/// One line.
pub(super) fn line(agent: &dyn Adapter, raw: &str) {
    let Reading::Line(said) = agent.read(raw) else { return };
    let line = AgentLine { event: Box::new(said.event), more: said.more, raw: raw.to_owned() };
    if serde_json::from_str::<serde::de::IgnoredAny>(raw).is_err() {
        assert_eq!(line, AgentLine::plain(AgentLineType::Other, raw), "no JSON, and yet it says something");
    }
    assert!(!line.is_unread(), "it would be taken for a line of an earlier version");
    is_bounded(&line);
    for event in line.events() {
        event.request.iter().for_each(|request| is_answered(agent, request, raw));
        event.usage.iter().for_each(is_counted);
    }
    is_kept(line);
}

fn is_bounded(line: &AgentLine) {
    let bytes = |event: &AgentEvent| serde_json::to_string(event).map_or(usize::MAX, |json| json.len());
    let most = if line.event.request.is_some() { 8 * line.raw.len() } else { 0 };
    let sum: usize = line.events().map(bytes).sum();
    assert!(sum <= MOST + most, "{sum} bytes of events for a line of {}", line.raw.len());
}

/// The line reaches the other end of the wire as it came, in one line.
fn is_kept(line: AgentLine) {
    let line = ExecutionLine::Agent { n: 1, at: Timestamp::UNIX_EPOCH, line };
    let sent = serde_json::to_string(&line).unwrap_or_default();
    assert!(!sent.contains('\n'), "a line became two");
    assert_eq!(serde_json::from_str::<ExecutionLine>(&sent).ok(), Some(line));
}

/// Whatever it asks with, a person can answer; no answer that says no lets something pass.
fn is_answered(agent: &dyn Adapter, request: &PermissionRequest, raw: &str) {
    drop(request.options());
    let question = request.gate(PermissionProfile::Full).is_some();
    for answer in ["yes", "no", "", "{}", r#"{"which":"this"}"#, "[1]"] {
        let decision = request.decide(answer);
        match &decision {
            Decision::Answer { .. } => assert!(question),
            Decision::Allow => assert!(!question && answer == "yes", "{answer:?} allowed it"),
            Decision::Deny { .. } => assert!(!question && answer != "yes", "{answer:?} was no denial"),
        }
        let told = agent.answer(&request.id, raw, &decision);
        assert!(told.ends_with('\n') && told.matches('\n').count() == 1, "{told:?} is not one line");
        assert!(serde_json::from_str::<Value>(&told).is_ok());
    }
    assert!(matches!(request.refusal(), Decision::Deny { .. }));
}

fn is_counted(usage: &AgentUsage) {
    let tokens = &usage.tokens;
    let counts =
        [tokens.input_tokens, tokens.output_tokens, tokens.cache_read_tokens, tokens.cache_creation_tokens];
    assert!(counts.iter().all(|count| 0 <= *count), "less than no token was used");
}

#[cfg(test)]
#[test]
fn what_the_fuzzer_kept_is_read() {
    testkit::replay::each("agent_lines", agent_lines);
}
