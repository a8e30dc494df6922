//! What a command prints: lines for people, or JSON and nothing else.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::{
    failure::Failure,
    render::{line::Line, screen::Screen, text},
};

/// How to answer.
pub(super) struct Output {
    is_json: bool,
}

impl Output {
    /// Answers in JSON, or for people.
    pub(super) const fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Whether standard output carries JSON only.
    pub(super) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Answers with a value: as JSON, or as the lines made of it.
    pub(super) fn answer<T: Serialize>(
        &self,
        value: &T,
        lines: impl FnOnce(&T) -> Vec<Line>,
    ) -> Result<(), Failure> {
        if self.is_json {
            return self.json_line(value);
        }
        Ok(Screen::stdout().lines(&lines(value))?)
    }

    /// One JSON value on a line of its own.
    pub(super) fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(value).map_err(|error| Failure::Local(error.to_string()))?;
        let mut line = text::escaped_json(line);
        line.push('\n');
        let mut out = io::stdout().lock();
        Ok(out.write_all(line.as_bytes()).and_then(|()| out.flush())?)
    }

    /// Tells a person something that is not the answer; standard output stays untouched.
    pub(super) fn note(&self, said: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "{}", text::clean_lines(said));
    }

    /// Says why the command failed.
    pub(super) fn failure(&self, failure: &Failure) {
        if !matches!(failure, Failure::Closed) {
            self.note(&format!("caisson: {failure}"));
        }
    }

    /// Whether a person watches.
    pub(super) fn is_watched(&self) -> bool {
        !self.is_json && io::stdout().is_terminal()
    }
}
