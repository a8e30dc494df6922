//! What must hold of a terminal that shows what an agent prints.

use api::{
    Timestamp,
    claude::{Reading, read},
    event::{AgentLine, Event, EventBody},
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
        match read(raw) {
            Reading::Live => {}
            Reading::Partial { text, .. } => renderer.partial(&text),
            Reading::Line { r#type, .. } => {
                let body = EventBody::Agent(AgentLine { r#type, raw: raw.to_owned() });
                let event = Event { seq, at: Timestamp::UNIX_EPOCH, step: None, body };
                renderer.event(&event).iter().for_each(|line| is_harmless(line, width));
            }
        }
        let status = text::clean(renderer.status().unwrap_or_default());
        for row in [status.clone(), text::clean_lines(raw)] {
            row.split('\n').for_each(is_plain);
        }
        assert!(text::width(&text::cut(&status, width)) <= width);
        assert!(text::width(&text::tail(&status, width)) <= width);
    }
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
