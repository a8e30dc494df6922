//! Letters in the disguise of JSON: any writer may spell any of them as an escape, `\u0068` for `h`, in either case of
//! its digits and with its backslash doubled by each JSON around it, and `\/` for `/`. There are too many such spellings
//! of a value to look for each, so a text is searched again with its escapes read, and those that they spell.

/// How often escapes are read that others have spelled: `\u005cu0068` is `\u0068` is `h`.
const DEEPEST: usize = 4;

/// The text with its escapes read, then that with the escapes in it read, and so on.
pub(super) fn layers(text: &[u8]) -> Vec<Plain> {
    let mut layers: Vec<Plain> = Vec::new();
    while layers.len() < DEEPEST
        && let Some(next) = Plain::of(layers.last().map_or(text, |last| &last.bytes))
    {
        layers.push(next);
    }
    layers
}

/// Where a place of the last of these layers is in the text they are from.
pub(super) fn place(layers: &[Plain], at: usize) -> usize {
    layers.iter().rev().fold(at, |at, layer| layer.place(at))
}

/// A text whose escapes are read, and where each part of it is from.
pub(super) struct Plain {
    /// The text.
    pub(super) bytes: Vec<u8>,
    /// From where on here, and from where on in the text it is from.
    places: Vec<(usize, usize)>,
}

impl Plain {
    /// Reads the escapes of a text; `None` when there is none in it.
    fn of(text: &[u8]) -> Option<Self> {
        let mut plain: Option<Self> = None;
        let (mut done, mut at) = (0, 0);
        while let Some(near) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
            let first = at + near;
            let slashes = text[first..].iter().take_while(|byte| **byte == b'\\').count();
            at = first + slashes;
            let Some((letter, length)) = text.get(at..).and_then(|rest| escaped(rest, slashes)) else {
                continue;
            };
            // Each JSON around it doubles the backslash; what is before that is backslashes of the text.
            let own = 1 << slashes.trailing_zeros();
            let begins = at - own;
            at += length;
            let plain = plain.get_or_insert_with(|| Self { bytes: Vec::new(), places: vec![(0, 0)] });
            plain.bytes.extend_from_slice(&text[done..begins]);
            plain.places.push((plain.bytes.len(), begins));
            plain.bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            plain.places.push((plain.bytes.len(), at));
            done = at;
        }
        if let Some(plain) = &mut plain {
            plain.bytes.extend_from_slice(&text[done..]);
        }
        plain
    }

    /// Where this place is in the text it is from.
    fn place(&self, at: usize) -> usize {
        let next = self.places.partition_point(|(here, _)| *here <= at);
        let (here, there) = self.places[next - 1];
        there + (at - here)
    }
}

/// The letter that is written after so many backslashes, and how long that is: `/`, `uXXXX`, or two of these as a pair.
fn escaped(rest: &[u8], slashes: usize) -> Option<(char, usize)> {
    if rest.first() == Some(&b'/') {
        return Some(('/', 1));
    }
    let first = unit(rest)?;
    if let Some(letter) = char::from_u32(first.into()) {
        return (!letter.is_control()).then_some((letter, 5));
    }
    let after = rest.get(5..)?;
    let second =
        unit(after.get(slashes..)?).filter(|_| after[..slashes].iter().all(|byte| *byte == b'\\'))?;
    let letter = char::decode_utf16([first, second]).next()?.ok()?;
    Some((letter, 5 + slashes + 5))
}

/// The number of `uXXXX`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits =
        text.get(..5)?.strip_prefix(b"u").filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let plain = Plain::of(text.as_bytes());
        plain.map_or_else(|| text.to_owned(), |plain| String::from_utf8(plain.bytes).unwrap())
    }

    #[test]
    fn an_escape_is_read_with_its_own_backslashes_only() {
        assert!(Plain::of(br"no \n escape \u00, \ud83d, \u00g1, u0041").is_none());
        for (text, is) in [
            (r"\u0041b\u0043", "AbC"),
            (r"x\\u00E9y", "xéy"),
            (r"\\\\u0041", "A"),
            (r"\\\u0041", r"\\A"),
            (r"\u005cu0041", r"\u0041"),
            (r"\u0041\u004", r"A\u004"),
            (r"a\/b\\/c", "a/b/c"),
            (r"\uD83E\uDD80 \\ud83e\\udd80", "\u{1F980} \u{1F980}"),
            (r"\ud83e \u0041", r"\ud83e A"),
        ] {
            assert_eq!(read(text), is, "{text}");
        }
    }

    #[test]
    fn each_place_is_found_again() {
        let text = r"ab\u0063d\\u00e9f";
        let plain = Plain::of(text.as_bytes()).unwrap();
        assert_eq!(plain.bytes, "abcdéf".as_bytes());
        let places: Vec<usize> = [0, 1, 2, 3, 4, 6, 7].map(|at| plain.place(at)).to_vec();
        assert_eq!(places, [0, 1, 2, 8, 9, 16, 17]);
    }
}
