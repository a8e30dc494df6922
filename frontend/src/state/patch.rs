//! A run's changes file by file: which part of the patch belongs to which file, and what is drawn at first.

use std::ops::Range;

use api::run::FileChange;

use super::diff::{Change, DiffLine};

/// How many changed lines a file may have to be shown at first.
const SMALL: u64 = 120;

/// How many changed lines are shown at first in all.
const AT_FIRST: u64 = 600;

/// What one file's part of a patch begins with.
const HEADER: &str = "diff --git ";

/// For each file the part of the patch that is about it; `None` for a file that was left out.
pub(crate) fn parts(patch: &str, files: &[FileChange]) -> Vec<Option<Range<usize>>> {
    let starts: Vec<_> = starts(patch).collect();
    let ends = starts.iter().skip(1).copied().chain([patch.len()]);
    let mut parts = starts.iter().zip(ends).map(|(start, end)| *start..end).peekable();
    // Both are in the same order; what the patch does not have is passed over.
    let mut part = |file: &FileChange| parts.next_if(|part| is_about(&patch[part.clone()], &file.path));
    files.iter().map(&mut part).collect()
}

/// Where the parts begin: a header at the start of a line that is no line of a file, for those are indented.
fn starts(patch: &str) -> impl Iterator<Item = usize> {
    patch.match_indices(HEADER).map(|(at, _)| at).filter(|at| *at == 0 || patch[..*at].ends_with('\n'))
}

/// Whether a part's first line names this path as what the file is now.
fn is_about(part: &str, path: &str) -> bool {
    let header = part.lines().next().unwrap_or_default();
    header.ends_with(&format!(" b/{path}"))
        || header
            .strip_suffix('"')
            .and_then(|rest| rest.rsplit_once(" \"b/"))
            .is_some_and(|(_, quoted)| String::from_utf8_lossy(&unquoted(quoted)) == path)
}

/// The bytes of a path as git quotes it: `\303\244` is two bytes.
fn unquoted(quoted: &str) -> Vec<u8> {
    let mut bytes = quoted.bytes().peekable();
    let mut path = Vec::new();
    while let Some(byte) = bytes.next() {
        path.push(match (byte, bytes.peek()) {
            (b'\\', Some(b'0'..=b'7')) => {
                let digits = std::iter::from_fn(|| bytes.next_if(|digit| matches!(digit, b'0'..=b'7')));
                digits.take(3).fold(0_u8, |code, digit| code.wrapping_mul(8).wrapping_add(digit - b'0'))
            }
            (b'\\', Some(b't')) => bytes.next().map_or(byte, |_| b'\t'),
            (b'\\', Some(b'n')) => bytes.next().map_or(byte, |_| b'\n'),
            (b'\\', Some(_)) => bytes.next().unwrap_or(byte),
            _ => byte,
        });
    }
    path
}

/// The lines of one file's part: its hunks, without the header that the card's head says already.
pub(crate) fn lines(part: &str) -> Vec<DiffLine> {
    let hunks = part.lines().skip_while(|line| !line.starts_with("@@"));
    let line = |line: &str| {
        let (change, text) = match line.as_bytes().first() {
            Some(b'+') => (Change::Added, &line[1..]),
            Some(b'-') => (Change::Removed, &line[1..]),
            Some(b' ') => (Change::Kept, &line[1..]),
            // `@@ … @@`, and `\ No newline at end of file`.
            _ => (Change::Place, line),
        };
        DiffLine { change, text: text.to_owned() }
    };
    hunks.map(line).collect()
}

/// Which files are shown at first: small ones, until there is enough to read.
pub(crate) fn open_at_first(files: &[FileChange]) -> Vec<bool> {
    let mut shown = 0;
    let mut open = |file: &FileChange| {
        let size = file.additions + file.deletions;
        let fits = size <= SMALL && shown + size <= AT_FIRST;
        shown += if fits { size } else { 0 };
        fits
    };
    files.iter().map(&mut open).collect()
}

/// How many lines all files together gained and lost.
pub(crate) fn totals(files: &[FileChange]) -> (u64, u64) {
    (files.iter().map(|file| file.additions).sum(), files.iter().map(|file| file.deletions).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "diff --git a/a.rs b/a.rs\nindex 1..2 100644\n--- a/a.rs\n+++ b/a.rs\n@@ -1,2 +1,2 @@\n fn a() {\n-old\n+new\n\\ No newline at end of file\ndiff --git \"a/\\303\\244.txt\" \"b/\\303\\244.txt\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/\\303\\244.txt\"\n@@ -0,0 +1 @@\n+diff --git a/x b/x\n";

    fn file(path: &str, additions: u64) -> FileChange {
        FileChange { path: path.to_owned(), status: "modified".to_owned(), additions, deletions: 0 }
    }

    #[test]
    fn each_file_finds_its_part_and_one_that_was_left_out_has_none() {
        let files = [file("a.rs", 1), file("huge.bin", 0), file("ä.txt", 1)];
        let parts = parts(PATCH, &files);
        assert_eq!(parts[1], None);
        let first = lines(&PATCH[parts[0].clone().unwrap()]);
        let drawn: Vec<_> = first.iter().map(|line| (line.change, line.text.as_str())).collect();
        assert_eq!(
            drawn,
            [
                (Change::Place, "@@ -1,2 +1,2 @@"),
                (Change::Kept, "fn a() {"),
                (Change::Removed, "old"),
                (Change::Added, "new"),
                (Change::Place, "\\ No newline at end of file"),
            ]
        );
        assert_eq!(lines(&PATCH[parts[2].clone().unwrap()]).len(), 2, "a line of a file is no header");
    }

    #[test]
    fn large_files_and_those_after_enough_was_shown_stay_folded() {
        let mut files = vec![file("big.rs", SMALL + 1)];
        files.extend((0..6).map(|n| file(&n.to_string(), SMALL)));
        assert_eq!(open_at_first(&files), [false, true, true, true, true, true, false]);
        assert_eq!(totals(&files), (7 * SMALL + 1, 0));
    }
}
