//! Masks: what a run was given in secret is written nowhere, however it is spelled.
//!
//! A `Mask` knows the values and the encodings people meet. What it finds becomes `[secret NAME]`. It is no defence
//! against an agent that wants to give a value away (it can always spell it in another way), but against one that
//! prints it.

mod encodings;
mod escapes;
mod json;
mod tail;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap, fmt};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Match, MatchKind};

pub(crate) use self::tail::Tail;
use crate::secret::Secret;

/// The shortest thing that is masked, in bytes: anything shorter is found everywhere.
const SHORTEST: usize = 8;

/// How much of a text is searched at once, in bytes.
const WINDOW: usize = 1 << 20;
/// So many times as long as the longest secret is what two such pieces have in common: each of its letters may be an
/// escape with some backslashes.
const OVERLAP: usize = 10;
/// The most secrets that are told apart in one text.
const MOST: usize = 10_000;

/// Finds secrets in texts. Its `Debug` shows nothing of them.
#[derive(Default)]
pub(crate) struct Mask {
    search: Option<AhoCorasick>,
    /// Sorted; a pattern's place is its number in `search`.
    patterns: Vec<Secret>,
    /// What stands in the place of each pattern.
    replacements: Vec<String>,
    /// Of the longest pattern, in bytes.
    longest: usize,
}

/// A secret in a text.
struct Found {
    start: usize,
    end: usize,
    pattern: usize,
}

impl Found {
    fn new(found: &Match, place: impl Fn(usize) -> usize) -> Self {
        let (start, end) = (place(found.start()), place(found.end()));
        Self { start, end, pattern: found.pattern().as_usize() }
    }
}

impl Mask {
    /// A mask for these values, each with the name that stands in its place. What is shorter than 8 bytes is left out.
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> Self {
        let mut patterns: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in values {
            for pattern in encodings::of(value.expose()) {
                patterns.entry(pattern).or_insert_with(|| format!("[secret {}]", clean(name)));
            }
        }
        if patterns.is_empty() {
            return Self::default();
        }
        // Every live run keeps one of these. A DFA takes 25 times the memory, 1 MB for a run without secrets, and is
        // not faster where the search's prefilter works, which is up to some 60 patterns.
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(patterns.keys());
        let longest = patterns.keys().map(String::len).max().unwrap_or_default();
        let (patterns, replacements) =
            patterns.into_iter().map(|(pattern, name)| (Secret::new(pattern), name)).unzip();
        // Only patterns of more than 2 GiB can fail, and those of a run are bounded far below.
        Self { search: search.ok(), patterns, replacements, longest }
    }

    /// The text without secrets; the same text, without a copy, when there are none in it.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find(text.as_bytes());
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut masked, mut done) = (String::with_capacity(text.len()), 0);
        for one in found {
            masked.push_str(text.get(done..one.start).unwrap_or_default());
            masked.push_str(self.replacement(one.pattern));
            done = one.end;
        }
        masked.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// The same for bytes that need not be text.
    pub(crate) fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let found = self.find(bytes);
        if found.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let (mut masked, mut done) = (Vec::with_capacity(bytes.len()), 0);
        for one in found {
            masked.extend_from_slice(bytes.get(done..one.start).unwrap_or_default());
            masked.extend_from_slice(self.replacement(one.pattern).as_bytes());
            done = one.end;
        }
        masked.extend_from_slice(bytes.get(done..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// Every place of a secret, first to last and apart from each other, however its letters are escaped.
    fn find(&self, text: &[u8]) -> Vec<Found> {
        let Some(search) = &self.search else { return Vec::new() };
        // A piece of the text at a time: to read its escapes takes a multiple of its length.
        let overlap = self.longest.saturating_mul(OVERLAP);
        let (mut all, mut start) = (Vec::new(), 0);
        loop {
            let end = text.len().min(start + WINDOW + overlap);
            find_in(search, &text[start..end], start, &mut all);
            if MOST < all.len() {
                // Nobody means that: the rest goes as one.
                all.truncate(MOST);
                all.iter_mut().last().into_iter().for_each(|last: &mut Found| last.end = text.len());
                return all;
            }
            if end == text.len() {
                return all;
            }
            start += WINDOW;
        }
    }

    /// Masks a text in its place.
    pub(crate) fn apply(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.text(text) {
            *text = masked;
        }
    }

    /// A line of JSON without secrets. What was JSON stays JSON.
    pub(crate) fn json<'a>(&self, line: &'a str) -> Cow<'a, str> {
        match self.find(line.as_bytes()) {
            found if found.is_empty() => Cow::Borrowed(line),
            found => Cow::Owned(json::masked(self, found, line)),
        }
    }

    /// Masks a line of JSON in its place.
    pub(crate) fn apply_json(&self, line: &mut String) {
        if let Cow::Owned(masked) = self.json(line) {
            *line = masked;
        }
    }

    fn replacement(&self, pattern: usize) -> &str {
        self.replacements.get(pattern).map_or("[secret]", String::as_str)
    }

    /// Whether some pattern begins with this and goes on.
    fn may_go_on(&self, beginning: &str) -> bool {
        let at = self.patterns.partition_point(|pattern| pattern.expose() < beginning);
        let goes_on = |pattern: &Secret| {
            beginning.len() < pattern.expose().len() && pattern.expose().starts_with(beginning)
        };
        // The beginning itself, if it is a pattern, sorts before those that go on.
        self.patterns.iter().skip(at).take(2).any(goes_on)
    }
}

/// Adds every secret of a piece of text that begins at `offset`. All are sorted and apart from each other afterwards.
fn find_in(search: &AhoCorasick, piece: &[u8], offset: usize, all: &mut Vec<Found>) {
    all.extend(search.find_iter(piece).map(|it| Found::new(&it, |at| offset + at)));
    let layers = escapes::layers(piece);
    for depth in 1..=layers.len() {
        let (layer, within) = (&layers[depth - 1], &layers[..depth]);
        let place = |at| offset + escapes::place(within, at);
        all.extend(search.find_iter(&layer.bytes).map(|it| Found::new(&it, place)));
    }
    all.sort_unstable_by_key(|it| it.start);
    all.dedup_by(|next, one| {
        let overlap = next.start < one.end;
        one.end = if overlap { one.end.max(next.end) } else { one.end };
        overlap
    });
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({} patterns)", self.patterns.len())
    }
}

/// A name that fits into JSON and into a line.
fn clean(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "_.- ".contains(*c)).collect()
}
