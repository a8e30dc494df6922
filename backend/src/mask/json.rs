//! Masking a line of JSON: a secret may begin or end inside an escape, and what was JSON must stay JSON.

use serde::de::IgnoredAny;
use serde_json::json;

use super::{Found, Mask};

/// The line without secrets.
pub(super) fn masked(mask: &Mask, found: Vec<Found>, line: &str) -> String {
    let (mut masked, mut done) = (String::with_capacity(line.len()), 0);
    for found in found {
        // Escapes that the secret cuts go as a whole.
        let (start, end) = (found.start, found.end);
        let start = escape_around(line.as_bytes(), start).map_or(start, |escape| escape.0).max(done);
        let end = escape_around(line.as_bytes(), end).map_or(end, |escape| escape.1);
        masked.push_str(line.get(done..start).unwrap_or_default());
        masked.push_str(mask.replacement(found.pattern));
        done = end.max(done);
    }
    masked.push_str(line.get(done..).unwrap_or_default());
    if is_json(&masked) || !is_json(line) {
        return masked;
    }
    // A value that looks like a piece of the line's own structure.
    json!({ "type": "system", "subtype": "masked", "text": masked }).to_string()
}

fn is_json(line: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(line).is_ok()
}

/// The escape that has a part before `at` and one from there on: where it begins and where it ends.
fn escape_around(line: &[u8], at: usize) -> Option<(usize, usize)> {
    // The longest escape is `\uXXXX`.
    let near = (at.saturating_sub(5)..at).rev().find(|place| line.get(*place) == Some(&b'\\'))?;
    let before = line[..near].iter().rev().take_while(|byte| **byte == b'\\').count();
    if before % 2 == 1 {
        // Itself escaped, so this pair ends before `at`.
        return None;
    }
    let length = if line.get(near + 1) == Some(&b'u') { 6 } else { 2 };
    let end = (near + length).min(line.len());
    (at < end).then_some((near, end))
}
