//! Where lines go: a terminal with colours and a line that is updated in place, or a plain file.

use std::{
    env,
    io::{self, IsTerminal, Stdout, Write},
    time::Instant,
};

use owo_colors::OwoColorize;

use super::{Renderer, line::Line, text};

/// Rows of prose longer than this are hard to read, however wide the terminal.
const WIDEST: usize = 120;
/// What a file is given: no terminal wraps it, and tools read it.
const FILE_WIDTH: usize = 160;
/// Back to the first column and erase the row.
const ERASE_ROW: &str = "\r\u{1b}[2K";

/// Standard output, as far as lines are concerned.
pub(crate) struct Screen {
    out: Stdout,
    is_terminal: bool,
    has_colour: bool,
    /// The activity on the live line, and since when it goes on.
    live: (u64, Instant),
    is_drawn: bool,
}

impl Screen {
    /// Standard output as it is: colours only on a terminal, and only where `NO_COLOR` is not set.
    pub(crate) fn stdout() -> Self {
        let out = io::stdout();
        let is_terminal = out.is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            out,
            is_terminal,
            has_colour: is_terminal && !no_colour,
            live: (0, Instant::now()),
            is_drawn: false,
        }
    }

    fn width(&self) -> usize {
        if !self.is_terminal {
            return FILE_WIDTH;
        }
        let columns = terminal_size::terminal_size().map_or(80, |(columns, _)| usize::from(columns.0));
        columns.clamp(40, WIDEST)
    }

    /// Writes lines above the live line.
    pub(crate) fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.erase()?;
        let width = self.width();
        for row in lines.iter().flat_map(|line| line.rows(width)) {
            let mut written = String::new();
            for span in row {
                if self.has_colour && !span.text.trim().is_empty() {
                    written.push_str(&span.text.style(span.tone.style()).to_string());
                } else {
                    written.push_str(&span.text);
                }
            }
            writeln!(self.out, "{}", written.trim_end())?;
        }
        self.out.flush()
    }

    /// Shows what goes on right now and for how long, in place. A file gets nothing.
    pub(crate) fn live(&mut self, renderer: &Renderer) -> io::Result<()> {
        if !self.is_terminal {
            return Ok(());
        }
        let Some(status) = renderer.status() else { return self.erase() };
        let room = self.width() - 2;
        if renderer.is_writing() {
            let tail = text::tail(&text::clean(status.trim_end()), room);
            return self.draw(&tail);
        }
        if self.live.0 != renderer.activity() {
            self.live = (renderer.activity(), Instant::now());
        }
        let elapsed = match self.live.1.elapsed().as_secs() {
            // Too short to be of interest.
            0 | 1 => String::new(),
            _ => {
                format!("  {}", text::duration(u64::try_from(self.live.1.elapsed().as_millis()).unwrap_or(0)))
            }
        };
        let status = text::cut(&text::clean(status), room.saturating_sub(elapsed.len()));
        self.draw(&format!("{status}{elapsed}"))
    }

    fn draw(&mut self, row: &str) -> io::Result<()> {
        self.is_drawn = true;
        if self.has_colour {
            write!(self.out, "{ERASE_ROW}{}", row.dimmed())?;
        } else {
            write!(self.out, "{ERASE_ROW}{row}")?;
        }
        self.out.flush()
    }

    /// Takes the live line away.
    pub(crate) fn erase(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_drawn) {
            write!(self.out, "{ERASE_ROW}")?;
            self.out.flush()?;
        }
        Ok(())
    }
}
