//! What must hold of the agent's output, whatever it is and wherever the pipe cuts it: for the fuzz target, and
//! for the tests, which replay what it found.

use std::io::Error;

use futures::{FutureExt, stream};
use tokio_util::io::StreamReader;

use super::{driver::keep_tail, lines::Lines};

/// Output of the agent. The first byte says how long a line may be, the second how large the pieces are that
/// come; the rest is the output.
///
/// # Panics
/// When its lines differ from those that a simple reader of the whole finds.
pub fn agent_output(bytes: &[u8]) {
    let [longest, size, output @ ..] = bytes else { return };
    let (longest, size) = (usize::from(*longest) + 1, usize::from(*size) + 1);
    let found = cut(output, longest, size);
    assert_eq!(found, expected(output, longest));
    let mut tail = String::new();
    for (text, _) in &found {
        tail.push_str(text);
        keep_tail(&mut tail, longest);
        assert!(tail.len() <= longest, "more of the end is kept than may be");
    }
}

fn cut(output: &[u8], longest: usize, size: usize) -> Vec<(String, u64)> {
    let pieces = stream::iter(output.chunks(size).map(Ok::<_, Error>));
    let mut lines = Lines::new(Some(StreamReader::new(pieces)), longest);
    // Everything is there: nothing waits.
    let next = || lines.next().now_or_never().flatten();
    std::iter::from_fn(next).map(|line| (line.text, line.dropped)).collect()
}

fn expected(output: &[u8], longest: usize) -> Vec<(String, u64)> {
    let mut lines: Vec<&[u8]> = output.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|rest| rest.is_empty()) {
        lines.pop();
    }
    let kept = |line: &[u8]| {
        let (kept, dropped) = line.split_at(line.len().min(longest));
        (String::from_utf8_lossy(kept).into_owned(), dropped.len() as u64)
    };
    lines.into_iter().map(kept).collect()
}

#[cfg(test)]
#[test]
fn what_the_fuzzer_kept_is_cut_into_lines() {
    testkit::replay::each("agent_output", agent_output);
}
