//! Text for a terminal: made harmless, measured, wrapped and cut.

use unicode_width::UnicodeWidthChar;

/// Makes visible whatever would not print as itself, so that nothing an agent or a repository says can
/// move the cursor, change colours, hide text or turn it around. Tabs become spaces.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            // Unicode has a picture for each control character of ASCII: ESC is ␛.
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + c as u32)),
            '\u{7f}' => out.push('␡'),
            _ if is_treacherous(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// Text of several lines, each made harmless.
pub(crate) fn clean_lines(text: &str) -> String {
    lines(text).map(clean).collect::<Vec<_>>().join("\n")
}

/// The same JSON, in which what would not print as itself is escaped.
pub(crate) fn escaped_json(json: String) -> String {
    // JSON has these characters in strings only, and the other control characters nowhere.
    let acts = |c| c == '\u{7f}' || is_treacherous(c);
    if !json.contains(acts) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if acts(c) {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that print as nothing or change how others are shown.
const fn is_treacherous(c: char) -> bool {
    matches!(c,
        // Control characters of Latin-1; U+009B begins an escape sequence on some terminals.
        '\u{80}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero width, line and paragraph separators, direction marks, overrides and isolates.
        | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Tags: a whole invisible alphabet.
        | '\u{e0000}'..='\u{e007f}')
}

/// The lines of a text; a carriage return before a line end belongs to it.
pub(crate) fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.trim_end().lines().map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// The number of columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

pub(super) fn char_width(c: char) -> usize {
    c.width().unwrap_or(1)
}

/// The text cut to this many columns; `…` says that something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += char_width(c);
        if columns < used {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// The end of the text in this many columns.
pub(crate) fn tail(text: &str, columns: usize) -> String {
    let mut used = 0;
    let start = text.char_indices().rev().take_while(|(_, c)| {
        used += char_width(*c);
        used <= columns
    });
    let start = start.last().map_or(text.len(), |(at, _)| at);
    text[start..].to_owned()
}

/// A number with separators: `12,345`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

/// A duration in words: `42 ms`, `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 if milliseconds < 100 => format!("{milliseconds} ms"),
        0..10 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        assert_eq!(clean("\u{1b}[2J\u{1b}]0;title\u{7}"), "␛[2J␛]0;title␇");
        assert_eq!(clean("done\rfake"), "done␍fake");
        assert_eq!(clean("\u{9b}31m\u{7f}\u{8}"), "\\u{9b}31m␡␈");
        assert_eq!(
            clean("a\u{202e}b\u{2066}c\u{200b}d\u{e0041}"),
            "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{e0041}"
        );
    }

    #[test]
    fn json_of_such_text_is_the_same_json_and_acts_on_no_terminal() {
        let text = "\u{1b}[2J \u{7f} \u{9b}31m \u{202e} \u{e0041} Grüße, 世界, 👩‍💻";
        let json = escaped_json(serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""\u001b[2J \u007f \u009b31m \u202e \udb40\udc41 Grüße, 世界, 👩‍💻""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        let text = "Grüße, 世界, 👩‍💻, ✓ — e\u{301}";
        assert_eq!(clean(text), text);
        assert_eq!(clean("a\tb"), "a    b");
    }

    #[test]
    fn a_windows_line_end_is_no_trick() {
        assert_eq!(lines("one\r\ntwo\r\n\n").collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn cutting_counts_columns_not_characters() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("世界世界", 5), "世界…");
        assert_eq!(tail("世界ab", 3), "ab");
        assert_eq!(tail("abc", 9), "abc");
    }

    #[test]
    fn numbers_and_durations_are_for_people() {
        assert_eq!(
            [count(7), count(1234), count(1_234_567), count(-1000)],
            ["7", "1,234", "1,234,567", "-1,000"]
        );
        assert_eq!([duration(0), duration(99), duration(420)], ["0 ms", "99 ms", "0.4 s"]);
        assert_eq!(duration(12_999), "12 s");
        assert_eq!(duration(185_000), "3 min 5 s");
        assert_eq!(duration(7_800_000), "2 h 10 min");
    }
}
