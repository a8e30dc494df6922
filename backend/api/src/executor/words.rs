//! What a git server says in its own words, made fit to be shown: decoded, without what a terminal would obey,
//! and bounded. Pure, and for hostile input.

use std::{iter::Peekable, str::Chars};

/// The most that is kept of it, in bytes: the last lines.
pub const MOST_WORDS: usize = 4 << 10;

/// The lines of a hook, of `remote:` messages or of an answer's body. Text that is not UTF-8 is read as Latin-1.
/// Progress counters and empty lines are left out.
#[must_use]
pub fn words(bytes: &[u8]) -> String {
    let lines = bytes.split(|&byte| byte == b'\n').map(|line| {
        // A counter that overwrites itself: its last state counts.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.rsplit(|&byte| byte == b'\r').find(|part| !part.is_empty()).unwrap_or_default()
    });
    let lines = lines.map(|line| plain(&decoded(line))).filter(|line| !line.is_empty() && !is_counter(line));
    last(&lines.collect::<Vec<_>>().join("\n"), MOST_WORDS)
}

fn decoded(line: &[u8]) -> String {
    match str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        Err(_) => line.iter().copied().map(char::from).collect(),
    }
}

/// Without escape sequences, control characters and marks that turn the direction of text.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\t' => out.push(' '),
            '\u{1b}' | '\u{9b}' => {
                let kind = if letter == '\u{1b}' { letters.next() } else { Some('[') };
                match kind {
                    // Parameters, then one letter.
                    Some('[') => drop(letters.find(|c| ('@'..='~').contains(c))),
                    Some(']' | 'P' | '^' | '_') => skip_title(&mut letters),
                    _ => {}
                }
            }
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A title or a link: up to BEL or another escape, whose `\` follows.
fn skip_title(letters: &mut Peekable<Chars<'_>>) {
    if letters.find(|c| matches!(c, '\u{7}' | '\u{1b}')) == Some('\u{1b}') {
        letters.next_if_eq(&'\\');
    }
}

/// `Resolving deltas: 100% (2/2), done.`
fn is_counter(line: &str) -> bool {
    let Some((what, rest)) = line.split_once(": ") else { return false };
    let rest = rest.trim_start();
    let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let counts = what.ends_with("objects") || what.ends_with("deltas");
    counts && number.len() < rest.len() && (number.starts_with('%') || number.starts_with(", done"))
}

/// The last lines that fit; of a single line that does not fit, its end.
fn last(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mark = "…\n";
    let begin =
        (text.len() - (most - mark.len())..).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let rest = &text[begin..];
    let rest = rest.split_once('\n').map_or(rest, |(_, whole)| whole);
    format!("{mark}{rest}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_is_kept_and_nothing_that_a_terminal_would_obey() {
        let said = b"\n\x1b[31mGL-HOOK-ERR:\x1b[0m no\tticket\r\n  \x1b]8;;http://x\x07see\x1b]8;;\x1b\\ here\n\n\x07\x00";
        assert_eq!(words(said), "GL-HOOK-ERR: no ticket\n  see here");
        assert_eq!(words("a\u{202e}b\u{9b}31mc".as_bytes()), "abc");
    }

    #[test]
    fn words_in_another_encoding_are_read() {
        assert_eq!(
            words(b"verweigert f\xfcr alle\nund auf Wiedersehen \xe2\x82\xac"),
            "verweigert für alle\nund auf Wiedersehen €"
        );
    }

    #[test]
    fn counters_are_no_words() {
        let said =
            b"Resolving deltas:  50% (1/2)\rResolving deltas: 100% (2/2), completed with 2 local objects.\n\
                     Enumerating objects: 5, done.\nobjects: none\n10%\r\nwarning: 5 objects";
        assert_eq!(words(said), "objects: none\n10%\nwarning: 5 objects");
    }

    #[test]
    fn the_last_lines_are_kept_of_much() {
        let many: String = (0..2_000).map(|n| format!("line {n}\n")).collect();
        let kept = words(many.as_bytes());
        assert!(
            kept.len() <= MOST_WORDS && kept.starts_with("…\nline ") && kept.ends_with("line 1999"),
            "{kept}"
        );
        assert!(words("é".repeat(9_000).as_bytes()).len() <= MOST_WORDS);
    }

    proptest! {
        #[test]
        fn anything_becomes_words(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let said = words(&bytes);
            prop_assert!(said.len() <= MOST_WORDS);
            prop_assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
        }
    }
}
