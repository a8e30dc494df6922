//! Events as answers show them: a caller asks for many of them at once, so that a long text is shortened. The
//! streams and the download have it whole.

use api::{
    agent::AgentLine,
    event::{Event, EventBody},
};

use crate::cut::cut;

/// An event with a longer text is shortened, in bytes.
pub(super) const SHOWN: usize = 1 << 20;
/// How much of a text is left then, in bytes.
pub(super) const LEFT: usize = 64 << 10;

/// The raw line and its events, half of what is left each. Events are cut where they are made, but for requests.
fn agent_line(line: &mut AgentLine) {
    let events = line.bytes() - line.raw.len();
    cut(&mut line.raw, LEFT / 2);
    if events <= LEFT / 2 {
        return;
    }
    line.more.clear();
    let event = &mut line.event;
    event.text.iter_mut().for_each(|text| cut(text, LEFT / 2));
    event.result.iter_mut().for_each(|result| cut(&mut result.output, LEFT / 2));
    if let Some(request) = &mut event.request {
        cut(&mut request.text, LEFT / 2);
        request.questions.clear();
    }
    if let Some(tool) = &mut event.tool {
        tool.input = serde_json::Value::Null;
    }
}

/// Shortens what may be long.
pub(super) fn shorten(event: &mut Event) {
    match &mut event.body {
        EventBody::Agent(line) => agent_line(line),
        EventBody::Notice(notice) => cut(&mut notice.text, LEFT),
        EventBody::User(said) => cut(&mut said.text, LEFT),
        EventBody::Progress(progress) => cut(&mut progress.text, LEFT),
        EventBody::State(state) => state.detail.iter_mut().for_each(|text| cut(text, LEFT)),
        EventBody::Gate(gate) => {
            let options = gate.options.iter_mut().chain(&mut gate.answer);
            options.chain([&mut gate.text]).for_each(|text| cut(text, LEFT));
        }
        // Bounded where they are made.
        EventBody::Check(_) | EventBody::Git(_) | EventBody::Egress(_) => {}
    }
}
