//! Letters in the disguise of JSON: any writer may spell any of them as an escape, `\u0068` for `h`, in either case of
//! its digits and with its backslash doubled by each JSON around it. There are too many such spellings of a value to
//! look for each, so a text is searched a second time with its escapes read.

/// A text whose escapes are read, and where each part of it is from.
pub(super) struct Plain {
    /// The text.
    pub(super) bytes: Vec<u8>,
    /// From where on here, and from where on in the text it is from.
    places: Vec<(usize, usize)>,
}

impl Plain {
    /// Reads the escapes of a text; `None` when there is none in it.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut plain: Option<Self> = None;
        let (mut done, mut at) = (0, 0);
        while let Some(near) = text.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
            let first = at + near;
            let slashes = text[first..].iter().take_while(|byte| **byte == b'\\').count();
            at = first + slashes;
            let Some(letter) = text.get(at..at + 5).and_then(letter) else { continue };
            // Each JSON around it doubles the backslash; what is before that is backslashes of the text.
            let own = 1 << slashes.trailing_zeros();
            let begins = at - own;
            at += 5;
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
    pub(super) fn place(&self, at: usize) -> usize {
        let next = self.places.partition_point(|(here, _)| *here <= at);
        let (here, there) = self.places[next - 1];
        there + (at - here)
    }
}

/// The letter of `uXXXX`; none for half of a pair and for what is no letter.
fn letter(escape: &[u8]) -> Option<char> {
    let digits = escape.strip_prefix(b"u").filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    let code = u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    char::from_u32(code).filter(|letter| !letter.is_control())
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
