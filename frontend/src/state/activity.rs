//! What a run does now, in a few words, from its newest events; nothing is kept but the words.

use api::{
    Timestamp,
    event::{Event, Verdict},
    stream::{Cursor, Frame, Parts},
};

use super::{
    item::{self, What},
    log::Next,
    tool::ToolCall,
    words,
};

/// How many of the newest events are looked at to begin with.
const LOOK_BACK: i64 = 20;

/// A call at work for longer than this, in seconds, says for how long.
const NOTEWORTHY: i64 = 10;

/// The longest that words may be, in characters.
const LONGEST: usize = 90;

/// What a run does now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Activity {
    cursor: Cursor,
    parts: Parts,
    words: Option<String>,
    /// The call that is not answered yet, and since when it is at work.
    call: Option<(String, Timestamp)>,
}

impl Activity {
    /// Begins a little before the newest event.
    pub(crate) fn near(last: i64) -> Self {
        Self { cursor: Cursor { after: (last - LOOK_BACK).max(0) }, ..Self::default() }
    }

    /// Begins a subscription: forgets what the one before has left of a long event. Returns the number to begin from.
    pub(crate) fn begin(&mut self) -> i64 {
        self.parts = Parts::default();
        self.cursor.after
    }

    /// Folds a frame in.
    pub(crate) fn fold(&mut self, frame: Frame) -> Next {
        let Some(frame) = self.parts.whole(frame) else { return Next::Read };
        match frame {
            Frame::Item { event } => match self.cursor.accept(event.seq) {
                Ok(true) => self.see(event),
                Ok(false) => {}
                Err(_) => return Next::Resubscribe,
            },
            Frame::Partial { .. } | Frame::Part { .. } | Frame::CaughtUp { .. } => {}
            Frame::End => return Next::Stop,
            Frame::Resync { .. } => return Next::Resubscribe,
        }
        Next::Read
    }

    /// In words: `running cargo test, 3 min 10 s`.
    pub(crate) fn words(&self, now: Timestamp) -> Option<String> {
        let words = self.words.clone()?;
        let since = self.call.as_ref().map(|(_, since)| words::seconds_between(*since, now));
        Some(match since.filter(|seconds| NOTEWORTHY < *seconds) {
            Some(seconds) => format!("{words}, {}", words::span(seconds)),
            None => words,
        })
    }

    fn see(&mut self, event: Event) {
        for item in item::read(event) {
            match item.what {
                What::StrayAnswer { id, .. } => {
                    self.call.take_if(|(called, _)| *called == id);
                }
                What::Tool(call) => {
                    self.words = Some(short(&doing(&call)));
                    self.call = Some((call.id, item.at));
                }
                what => {
                    if let Some(words) = said(&what) {
                        self.words = Some(short(&words));
                        self.call = None;
                    }
                }
            }
        }
    }
}

fn doing(call: &ToolCall) -> String {
    let verb = match call.kind.as_str() {
        "Shell" => "running",
        "Edit" => "editing",
        "Write" => "writing",
        "Read" => "reading",
        "Search" => "searching",
        "Plan" => return "planning".to_owned(),
        "Subagent" => "a subagent:",
        _ => "calling",
    };
    let object = if verb == "calling" { &call.kind } else { &call.object };
    format!("{verb} {object}")
}

fn said(what: &What) -> Option<String> {
    match what {
        What::Text(text) | What::Retry(text) => Some(text.clone()),
        What::Thinking(_) => Some("thinking".to_owned()),
        What::Check(check) if check.verdict == Verdict::Passed => {
            Some(format!("check passed: {}", check.run))
        }
        What::Check(check) => Some(format!("check failed: {}", check.run)),
        What::Progress(progress) => Some(item::progress_words(progress)),
        What::Git(_) => Some("saving its work".to_owned()),
        _ => None,
    }
}

/// The first line, as far as there is room.
fn short(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", line[..cut].trim_end()),
        None => line.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example::{answers, at, calls, item, says};

    #[test]
    fn a_call_says_for_how_long_it_is_at_work_until_it_is_answered() {
        let mut activity = Activity::near(0);
        activity.fold(item(calls(1, 1, "t", "cargo test")));
        assert_eq!(activity.words(at(5)).as_deref(), Some("running cargo test"));
        assert_eq!(activity.words(at(191)).as_deref(), Some("running cargo test, 3 min 10 s"));
        activity.fold(item(answers(2, 1, "t", "ok", false)));
        assert_eq!(activity.words(at(191)).as_deref(), Some("running cargo test"));
        activity.fold(item(says(3, 1, "All is green.")));
        assert_eq!(activity.words(at(191)).as_deref(), Some("All is green"));
    }

    #[test]
    fn it_begins_near_the_end_and_resumes_from_its_cursor() {
        let mut activity = Activity::near(100);
        assert_eq!(activity.begin(), 80);
        assert_eq!(activity.fold(item(says(81, 1, "on"))), Next::Read);
        assert_eq!(activity.fold(item(says(83, 1, "gap"))), Next::Resubscribe);
        assert_eq!(activity.begin(), 81);
        assert_eq!(activity.fold(Frame::End), Next::Stop);
    }
}
