//! What must hold of a terminal that shows what an agent prints.

use api::{
    Timestamp,
    agent::{
        AgentEvent, AgentLine, AgentLineType, PlanEntry, PlanState, Session, StopReason, ToolCall, ToolResult,
    },
    event::{Event, EventBody},
    task::TaskSpec,
};
use jiff::tz::TimeZone;

use super::{Renderer, line::Line, text};

/// The first byte is the width of the screen; the rest is lines of the agent.
///
/// # Panics
/// When a row is wider than the screen, or holds what acts on a terminal or hides text.
pub fn terminal(bytes: &[u8]) {
    let [width, printed @ ..] = bytes else { return };
    let width = usize::from(*width).max(40);
    let mut renderer = Renderer::new(&TaskSpec::new("t", Vec::new()), TimeZone::UTC);
    for (seq, raw) in (1..).zip(String::from_utf8_lossy(printed).split('\n')) {
        renderer.partial(raw);
        for line in lines(raw) {
            let event = Event { seq, at: Timestamp::UNIX_EPOCH, step: None, body: EventBody::Agent(line) };
            renderer.event(&event).iter().for_each(|line| is_harmless(line, width));
        }
        let status = text::clean(renderer.status().unwrap_or_default());
        for row in [status.clone(), text::clean_lines(raw)] {
            row.split('\n').for_each(is_plain);
        }
        assert!(text::width(&text::cut(&status, width)) <= width);
        assert!(text::width(&text::tail(&status, width)) <= width);
    }
}

/// Events with this text wherever an agent can put one.
fn lines(raw: &str) -> impl Iterator<Item = AgentLine> {
    let text = || raw.to_owned();
    let new = AgentEvent::new;
    let call = ToolCall { id: text(), name: text(), title: text(), ..ToolCall::default() };
    let result = ToolResult { id: text(), output: text(), ..ToolResult::default() };
    let plan = vec![PlanEntry { text: text(), state: PlanState::Pending }];
    let session = Session { id: text(), model: Some(text()) };
    let events = [
        AgentEvent { session: Some(session), ..new(AgentLineType::Init) },
        AgentEvent::text(AgentLineType::Text, text()),
        AgentEvent::text(AgentLineType::Thinking, text()),
        AgentEvent { tool: Some(call), plan: Some(plan), ..new(AgentLineType::ToolUse) },
        AgentEvent { result: Some(result), ..new(AgentLineType::ToolResult) },
        AgentEvent {
            stop_reason: Some(StopReason::Error),
            ..AgentEvent::text(AgentLineType::Result, text())
        },
        // As an earlier version has stored it.
        new(AgentLineType::Text),
    ];
    events.into_iter().map(|event| AgentLine::new(event, raw.to_owned()))
}

fn is_harmless(line: &Line, width: usize) {
    for row in line.rows(width) {
        let row: String = row.into_iter().map(|span| span.text).collect();
        is_plain(&row);
        assert!(text::width(row.trim_end()) <= width, "{} columns of {width}: {row:?}", text::width(&row));
    }
}

fn is_plain(row: &str) {
    // Bidirectional marks and what is like them turn text around or hide it.
    let hides = |c: char| matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    assert!(!row.chars().any(|c| c.is_control() || hides(c)), "{row:?}");
}
