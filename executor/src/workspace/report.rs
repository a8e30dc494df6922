//! How the worker tells that it gets on: a line a whole per cent, and a sign of life a second.

use std::{
    cell::{Cell, RefCell},
    io::{self, Write},
    time::{Duration, Instant},
};

use crate::git::Answer;

/// Often enough for any sensible patience, seldom enough to cost nothing.
const ALIVE: Duration = Duration::from_secs(1);

/// Says what goes on, on standard output.
#[derive(Default)]
pub(super) struct Report {
    last: RefCell<Option<(&'static str, u8)>>,
    moved: Cell<(usize, usize, usize)>,
    said: Cell<Option<Instant>>,
}

impl Report {
    /// One line.
    pub(super) fn say(&self, answer: &Answer) {
        self.said.set(Some(Instant::now()));
        let Ok(line) = serde_json::to_string(answer) else { return };
        // Nobody there: then nobody wants to know.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// Something that people should know.
    pub(super) fn notice(&self, text: impl Into<String>) {
        self.say(&Answer::Notice(text.into()));
    }

    /// How much of a phase is done. `bytes` moves also where per cents do not.
    pub(super) fn progress(&self, phase: &'static str, done: usize, total: usize, bytes: usize) {
        let percent = u8::try_from(100 * done as u64 / (total.max(1) as u64)).unwrap_or(100).min(100);
        if self.last.replace(Some((phase, percent))) != Some((phase, percent)) {
            self.say(&Answer::Progress { phase: phase.to_owned(), percent });
        } else if self.moved.replace((done, total, bytes)) != (done, total, bytes) {
            self.alive();
        }
    }

    /// Something moves.
    pub(super) fn alive(&self) {
        if self.said.get().is_none_or(|said| ALIVE <= said.elapsed()) {
            self.say(&Answer::Alive);
        }
    }
}
