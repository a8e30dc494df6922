//! Lines as the renderer makes them: spans with a tone, not yet wrapped and without colour codes.

use owo_colors::Style;

use super::text::{self, char_width};

/// The columns of the time and the two spaces after it; what wraps goes on below the text.
pub(crate) const MARGIN: usize = 10;

/// How a span is meant; the screen decides what that looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Dim,
    Bold,
    Good,
    Bad,
    Warn,
    Accent,
}

impl Tone {
    /// The colours on a terminal.
    pub(crate) fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Bold => Style::new().bold(),
            Self::Good => Style::new().green(),
            Self::Bad => Style::new().red(),
            Self::Warn => Style::new().yellow(),
            Self::Accent => Style::new().cyan(),
        }
    }
}

/// A stretch of text in one tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// One line before it is fitted to a width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `03:12:45`; only on the first line of what an event says.
    time: Option<String>,
    /// Columns in front, the time's included.
    margin: usize,
    spans: Vec<Span>,
    wraps: bool,
}

impl Line {
    /// An empty line of a log: it wraps, and leaves room for the time.
    pub(crate) const fn new() -> Self {
        Self { time: None, margin: MARGIN, spans: Vec::new(), wraps: true }
    }

    /// An empty line that begins in the first column.
    pub(crate) const fn flush() -> Self {
        Self { time: None, margin: 0, spans: Vec::new(), wraps: true }
    }

    /// Something that was looked at, and whether it is well.
    pub(crate) fn mark(ok: bool, name: &str, detail: &str) -> Self {
        let (mark, tone) = if ok { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
        Self::flush()
            .span(tone, mark)
            .span(Tone::Bold, format!(" {name:<10}"))
            .span(Tone::Plain, format!(" {detail}"))
    }

    /// Adds text. This is the only way in, so nothing reaches a terminal uncleaned.
    pub(crate) fn span(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.spans.push(Span { text: text::clean(text.as_ref()), tone });
        self
    }

    /// Shifts the line to the right by so many columns.
    pub(crate) const fn indented(mut self, columns: usize) -> Self {
        self.margin += columns;
        self
    }

    /// Cuts the line where it is too long, instead of wrapping it.
    pub(crate) const fn one_row(mut self) -> Self {
        self.wraps = false;
        self
    }

    /// Puts the time in front.
    pub(crate) fn at(mut self, time: String) -> Self {
        self.time = Some(time);
        self
    }

    /// The rows this line takes at this width.
    pub(crate) fn rows(&self, width: usize) -> Vec<Vec<Span>> {
        let margin = self.margin;
        let room = width.saturating_sub(margin).max(20);
        let rows = if self.wraps { self.wrapped(room) } else { vec![self.cut(room)] };
        let head = |time: &str| Span { text: format!("{time:<margin$}"), tone: Tone::Dim };
        let heads = std::iter::once(self.time.as_deref().unwrap_or_default()).chain(std::iter::repeat(""));
        rows.into_iter()
            .zip(heads)
            .map(|(row, time)| std::iter::once(head(time)).chain(row).collect())
            .collect()
    }

    fn cut(&self, room: usize) -> Vec<Span> {
        let mut left = room;
        let mut row = Vec::new();
        for span in &self.spans {
            if left == 0 {
                break;
            }
            let text = text::cut(&span.text, left);
            left -= text::width(&text).min(left);
            row.push(Span { text, tone: span.tone });
        }
        row
    }

    /// Breaks at spaces; a word that is longer than a row is broken where the row ends.
    fn wrapped(&self, room: usize) -> Vec<Vec<Span>> {
        let mut rows = vec![Vec::new()];
        let mut used = 0;
        for span in &self.spans {
            for word in span.text.split_inclusive(' ') {
                let shown = text::width(word.trim_end_matches(' '));
                if used != 0 && room < used + shown && shown <= room {
                    rows.push(Vec::new());
                    used = 0;
                }
                for c in word.chars() {
                    if room < used + char_width(c) {
                        // A space that does not fit ends the row and is not seen on the next.
                        if c == ' ' {
                            continue;
                        }
                        rows.push(Vec::new());
                        used = 0;
                    }
                    used += char_width(c);
                    push(&mut rows, span.tone, c);
                }
            }
        }
        rows
    }
}

fn push(rows: &mut [Vec<Span>], tone: Tone, c: char) {
    let Some(row) = rows.last_mut() else { return };
    match row.last_mut() {
        Some(span) if span.tone == tone => span.text.push(c),
        _ => row.push(Span { text: c.to_string(), tone }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &Line, width: usize) -> Vec<String> {
        let join = |row: Vec<Span>| row.into_iter().map(|span| span.text).collect::<String>();
        line.rows(width).into_iter().map(|row| join(row).trim_end().to_owned()).collect()
    }

    #[test]
    fn long_text_wraps_below_itself() {
        let line = Line::new().span(Tone::Plain, "the quick brown fox jumps over it").at("03:12:45".into());
        assert_eq!(shown(&line, 32), ["03:12:45  the quick brown fox", "          jumps over it"]);
    }

    #[test]
    fn a_word_longer_than_a_row_is_broken() {
        let line = Line::new().span(Tone::Plain, format!("see {}", "x".repeat(30)));
        let rows = shown(&line, 30);
        assert_eq!(rows.concat().matches('x').count(), 30);
        assert!(rows.iter().all(|row| row.len() <= 30), "{rows:?}");
    }

    #[test]
    fn a_line_of_one_row_is_cut_across_its_spans() {
        let line = Line::new().span(Tone::Bold, "Bash  ").span(Tone::Plain, "a".repeat(40)).one_row();
        assert_eq!(shown(&line, 32), [format!("          Bash  {}…", "a".repeat(15))]);
    }

    #[test]
    fn an_empty_line_is_one_row() {
        assert_eq!(shown(&Line::new(), 80), [""]);
    }
}
