//! What a machine printed, and what an edit changed: a few lines, and all of them on request.

use leptos::prelude::*;

use super::Show;

use crate::state::{
    diff::{Change, DiffLine},
    words,
};

/// How many lines are shown while folded.
const SHORT: usize = 8;

/// How many bytes are shown while folded: lines can be long, too.
const SHORT_BYTES: usize = 4 * 1024;

/// The most lines that are drawn: beyond it a browser gets slow, and nobody reads.
const LONGEST: usize = 4000;

/// The most bytes that are drawn.
const LONGEST_BYTES: usize = 512 * 1024;

/// Printed text: its end, and all of it on request.
#[component]
pub(crate) fn Output(
    /// The text.
    text: String,
    /// Whether it is shown whole; kept by the page, so that it survives a redraw.
    open: RwSignal<bool>,
    /// How many lines of the end are shown while folded.
    #[prop(default = SHORT)]
    tail: usize,
) -> impl IntoView {
    let text = text.trim_end().to_owned();
    let lines = text.lines().count();
    if lines == 0 {
        return ().into_any();
    }
    let is_long = tail < lines || SHORT_BYTES < text.len();
    let shown = move || {
        let (lines, bytes) = if open.get() { (LONGEST, LONGEST_BYTES) } else { (tail, SHORT_BYTES) };
        end_of(&text, lines, bytes)
    };
    view! {
        <div class="output">
            <Show when=move || open.get() || tail != 0><pre>{shown.clone()}</pre></Show>
            {is_long.then(|| view! {
                <button type="button" class="link more" on:click=move |_| open.update(|open| *open = !*open)>
                    {move || if open.get() { "Fold".to_owned() } else { more(lines, tail) }}
                </button>
            })}
        </div>
    }
    .into_any()
}

fn more(lines: usize, tail: usize) -> String {
    match tail {
        0 => words::count(lines, "line"),
        _ => format!("… full output, {}", words::count(lines, "line")),
    }
}

/// The end of a text: so many lines, and no more than so many bytes, with a sign where a line is cut.
fn end_of(text: &str, lines: usize, bytes: usize) -> String {
    let Some(nth) = lines.checked_sub(1) else { return String::new() };
    let end = match text.rmatch_indices('\n').nth(nth) {
        Some((cut, _)) => &text[cut + 1..],
        None => text,
    };
    match end.len().checked_sub(bytes) {
        Some(over) if 0 < over => format!("…{}", &end[end.ceil_char_boundary(over)..]),
        _ => end.to_owned(),
    }
}

/// The lines of an edit.
#[component]
pub(crate) fn DiffView(
    /// The lines.
    lines: Vec<DiffLine>,
    /// Whether it is shown whole.
    open: RwSignal<bool>,
    /// How many lines of its beginning are shown while folded.
    #[prop(default = SHORT)]
    head: usize,
) -> impl IntoView {
    let all = lines.len();
    let is_long = 2 * head < all;
    let shown = move || {
        let count = if open.get() || !is_long { LONGEST } else { head };
        lines.iter().take(count).map(diff_line).collect_view()
    };
    view! {
        <div class="diff">
            <pre>{shown}</pre>
            {is_long.then(|| view! {
                <button type="button" class="link more" on:click=move |_| open.update(|open| *open = !*open)>
                    {move || if open.get() { "Fold".to_owned() } else { format!("… all {}", words::count(all, "line")) }}
                </button>
            })}
        </div>
    }
}

fn diff_line(line: &DiffLine) -> impl IntoView + use<> {
    let (class, sign) = match line.change {
        Change::Kept => ("kept", "  "),
        Change::Removed => ("removed", "- "),
        Change::Added => ("added", "+ "),
        Change::Place => ("place", ""),
    };
    view! { <span class=class>{format!("{sign}{}\n", line.text)}</span> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_is_cut_at_line_starts() {
        assert_eq!(end_of("a\nb\nc", 2, 99), "b\nc");
        assert_eq!(end_of("a\nb", 9, 99), "a\nb");
        assert_eq!(end_of("a", 0, 99), "");
        assert_eq!(end_of("aäöü", 1, 3), "…ü");
    }
}
