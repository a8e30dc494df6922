//! Frames: how a run is followed live, cut and resumed.
//!
//! A stream that ends without `End` was cut: subscribe again from the last `seq` seen.
//! Then nothing is missing and nothing comes twice.

use serde::{Deserialize, Serialize};

use crate::event::Event;

/// One message of `runs.onMessage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Frame {
    /// The next event.
    Item {
        /// The event.
        event: Event,
    },
    /// A piece of the next event, whose text is too long for one message. Its pieces come one after the other; put
    /// together they are the event's JSON.
    Part {
        /// The number of the event.
        seq: i64,
        /// The piece.
        text: String,
        /// Whether it is the last one.
        last: bool,
    },
    /// Tokens as the model writes them: live only, not part of the log, may be skipped.
    Partial {
        /// The new text.
        text: String,
        /// Which block of the answer it belongs to: `text` or `thinking`.
        block: String,
    },
    /// History has been sent, up to this number; sent once.
    CaughtUp {
        /// The newest number at that moment.
        seq: i64,
    },
    /// The run is over and every event was sent.
    End,
    /// This reader was too slow and is let go: subscribe again.
    Resync {
        /// The last number sent.
        after: i64,
    },
}

/// Puts the pieces of long events together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    seq: i64,
    text: String,
}

impl Parts {
    /// The frame as if it had come whole; `None` while pieces of it are missing. What does not fit together is left
    /// out, so that the next event leaves a gap and the stream is started again.
    pub fn whole(&mut self, frame: Frame) -> Option<Frame> {
        let Frame::Part { seq, text, last } = frame else {
            self.text.clear();
            return Some(frame);
        };
        if self.seq != seq {
            self.text.clear();
        }
        self.seq = seq;
        self.text.push_str(&text);
        if !last {
            return None;
        }
        let event = serde_json::from_str(&std::mem::take(&mut self.text));
        event.ok().map(|event| Frame::Item { event })
    }
}

/// A position in a run's log: applies each event once, in order, whatever is cut and sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last number applied; what to resume from.
    pub after: i64,
}

impl Cursor {
    /// Whether this event is the next one. `false` means that it was seen before.
    ///
    /// # Errors
    /// `Gap` when events are missing: the stream must be started again from `after`.
    pub const fn accept(&mut self, seq: i64) -> Result<bool, Gap> {
        if seq <= self.after {
            return Ok(false);
        }
        if seq != self.after + 1 {
            return Err(Gap { after: self.after, seq });
        }
        self.after = seq;
        Ok(true)
    }
}

/// Events between these two numbers did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events between {after} and {seq} are missing")]
pub struct Gap {
    /// The last number that arrived in order.
    pub after: i64,
    /// The number that came instead of the next one.
    pub seq: i64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{EventBody, Notice};

    fn event(seq: i64, text: String) -> Event {
        let body = EventBody::Notice(Notice { about: "test".to_owned(), text });
        Event { seq, at: crate::Timestamp::UNIX_EPOCH, step: None, body }
    }

    fn part(seq: i64, text: &str, last: bool) -> Frame {
        Frame::Part { seq, text: text.to_owned(), last }
    }

    #[test]
    fn pieces_of_which_some_are_missing_make_no_event() {
        let mut parts = Parts::default();
        let (whole, text) =
            (event(2, "x".to_owned()), serde_json::to_string(&event(2, "x".to_owned())).unwrap());
        let (one, other) = text.split_at(20);
        assert_eq!(parts.whole(part(1, "{", false)), None);
        assert_eq!(parts.whole(part(2, one, false)), None, "another event begins");
        assert_eq!(parts.whole(part(2, other, true)), Some(Frame::Item { event: whole }));
        assert_eq!(parts.whole(part(2, one, false)), None);
        assert_eq!(parts.whole(Frame::End), Some(Frame::End), "it is cut off");
        assert_eq!(parts.whole(part(2, other, true)), None);
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_make_the_event(
            text in ".{0,40}",
            cuts in proptest::collection::vec(1_usize..30, 1..20),
        ) {
            let whole = event(7, text);
            let text = serde_json::to_string(&whole).unwrap();
            let (mut parts, mut rest, mut cuts) = (Parts::default(), text.as_str(), cuts.iter().cycle());
            let made = loop {
                let cut = rest.ceil_char_boundary(rest.len().min(*cuts.next().unwrap()));
                let (piece, after) = rest.split_at(cut);
                rest = after;
                match parts.whole(part(7, piece, rest.is_empty())) {
                    Some(made) => break made,
                    None => prop_assert!(!rest.is_empty()),
                }
            };
            prop_assert_eq!(made, Frame::Item { event: whole });
        }


        /// A sender that is cut at any place, and starts again anywhere up to the cursor.
        #[test]
        fn whatever_is_sent_again_is_applied_once_and_in_order(
            tries in proptest::collection::vec((0..60_i64, 0..30_i64), 0..20),
        ) {
            let (mut cursor, mut applied) = (Cursor::default(), Vec::new());
            for (back, length) in tries {
                let from = (cursor.after - back).max(0) + 1;
                for seq in from..from + length {
                    if cursor.accept(seq) == Ok(true) {
                        applied.push(seq);
                    }
                }
            }
            prop_assert_eq!(applied, (1..=cursor.after).collect::<Vec<_>>());
        }

        #[test]
        fn any_numbers_at_all_leave_neither_a_gap_nor_a_double(
            numbers in proptest::collection::vec(-2..12_i64, 0..60),
        ) {
            let (mut cursor, mut applied) = (Cursor::default(), Vec::new());
            for seq in numbers {
                let before = cursor;
                match cursor.accept(seq) {
                    Ok(true) => applied.push(seq),
                    Ok(false) => prop_assert!(seq <= before.after && cursor == before),
                    Err(gap) => {
                        prop_assert_eq!(gap, Gap { after: before.after, seq });
                        prop_assert!(before.after + 1 < seq && cursor == before, "a gap moves nothing");
                    }
                }
            }
            prop_assert_eq!(applied, (1..=cursor.after).collect::<Vec<_>>());
        }
    }
}
