//! Tables: columns as wide as their widest cell, the last one as wide as the terminal allows.

use super::render::{
    line::{Line, Tone},
    text,
};

/// One cell.
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Text in a tone.
    pub(super) fn toned(tone: Tone, text: impl AsRef<str>) -> Self {
        // Cleaned before it is measured.
        Self { text: text::clean(text.as_ref()), tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// A table with these headings; without rows it is the sentence `empty`.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: Vec<[Cell; N]>, empty: &str) -> Vec<Line> {
    if rows.is_empty() {
        return vec![Line::flush().span(Tone::Dim, empty)];
    }
    let heads = heads.map(|head| Cell::toned(Tone::Dim, head));
    let all: Vec<[Cell; N]> = std::iter::once(heads).chain(rows).collect();
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = text::width(&cell.text).max(*width);
        }
    }
    all.iter().map(|row| fit(row, &widths)).collect()
}

fn fit(row: &[Cell], widths: &[usize]) -> Line {
    let cells = row.iter().zip(widths);
    let line = cells.fold(Line::flush(), |line, (cell, width)| {
        let gap = width - text::width(&cell.text) + 2;
        line.span(cell.tone, format!("{}{}", cell.text, " ".repeat(gap)))
    });
    line.one_row()
}

/// Names and values below each other; values that are not there are left out.
pub(super) fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Vec<Line> {
    let known: Vec<(&str, String)> =
        facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let width = known.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    let line = |(name, value): (&str, String)| {
        Line::flush().span(Tone::Dim, format!("{name:<width$}")).span(Tone::Plain, value)
    };
    known.into_iter().map(line).collect()
}
