//! The newest events of one run: a copy of the end of its log, without gaps, that may be forgotten at any time.

use std::{collections::VecDeque, sync::Arc};

use crate::store::events::{EventPage, StoredEvent};

/// The most bytes kept of one run: a reader that is further behind reads the database.
const BYTES: usize = 64 << 10;

#[derive(Default)]
pub(super) struct Tail {
    events: VecDeque<Arc<StoredEvent>>,
    bytes: usize,
}

impl Tail {
    /// Adds what was committed. Nothing means that it is not at hand: then all is forgotten.
    pub(super) fn push(&mut self, new: Vec<Arc<StoredEvent>>) {
        if new.is_empty() {
            *self = Self::default();
        }
        for event in new {
            // Another backend has written in between: what is older is no longer the end.
            if self.events.back().is_some_and(|last| last.seq + 1 != event.seq) {
                *self = Self::default();
            }
            self.bytes += event.bytes();
            self.events.push_back(event);
            while BYTES < self.bytes {
                let Some(oldest) = self.events.pop_front() else { break };
                self.bytes -= oldest.bytes();
            }
        }
    }

    /// The events after this number; `None` when one of them is not kept, or none is known.
    pub(super) fn after(&self, after: i64) -> Option<EventPage> {
        let (first, last) = (self.events.front()?.seq, self.events.back()?.seq);
        if after < first - 1 || last < after {
            return None;
        }
        let events = self.events.iter().filter(|event| after < event.seq).cloned().collect();
        Some(EventPage { events, is_last: true })
    }
}
