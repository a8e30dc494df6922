//! git's packet lines: four hexadecimal digits of length, themselves included, then so many bytes.
//! Pure, and for hostile input. See git's `gitprotocol-common`.

/// The longest line git allows, its length included.
pub(super) const LONGEST: usize = 65520;

/// A packet line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `0000`: the end of a list.
    Flush,
    /// Bytes.
    Data(&'a [u8]),
}

/// Not a packet line, and no more bytes will make it one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not git's protocol")]
pub(super) struct Malformed;

/// The first line, and how many bytes it takes. `None` when it is not complete yet.
pub(super) fn first(bytes: &[u8]) -> Result<Option<(Line<'_>, usize)>, Malformed> {
    let Some((digits, _)) = bytes.split_at_checked(4) else { return Ok(None) };
    match length(digits).ok_or(Malformed)? {
        0 => Ok(Some((Line::Flush, 4))),
        length @ 4..=LONGEST => Ok(bytes.get(4..length).map(|data| (Line::Data(data), length))),
        // 1 to 3 are marks of protocol version 2, which has no pushes.
        _ => Err(Malformed),
    }
}

/// The length that four digits say, if a line can have it; 0 to 2 are marks that end something.
pub(super) fn length(digits: &[u8]) -> Option<usize> {
    let digits = str::from_utf8(digits).ok().filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    usize::from_str_radix(digits, 16).ok().filter(|length| *length <= LONGEST && *length != 3)
}

/// Appends a line. The data is cut at the longest that fits.
pub(super) fn write(out: &mut Vec<u8>, data: &[u8]) {
    let data = &data[..data.len().min(LONGEST - 4)];
    out.extend_from_slice(format!("{:04x}", data.len() + 4).as_bytes());
    out.extend_from_slice(data);
}

/// Appends the end of a list.
pub(super) fn write_flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_read_one_at_a_time() {
        assert_eq!(first(b"0006a\n0000"), Ok(Some((Line::Data(b"a\n"), 6))));
        assert_eq!(first(b"0000rest"), Ok(Some((Line::Flush, 4))));
        assert_eq!(first(b"0004"), Ok(Some((Line::Data(b""), 4))));
        assert_eq!(first(b"000Ax12345"), Ok(Some((Line::Data(b"x12345"), 10))));
    }

    #[test]
    fn an_unfinished_line_waits_for_more() {
        for bytes in [&b""[..], b"0", b"000", b"0006", b"0006a"] {
            assert_eq!(first(bytes), Ok(None));
        }
    }

    #[test]
    fn what_is_not_a_line_is_malformed() {
        for bytes in [&b"PACK"[..], b"0001", b"0003", b"+006a\n", b"fff1", b"\xff\xff\xff\xff"] {
            assert_eq!(first(bytes), Err(Malformed));
        }
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic_or_stand_still(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some((line, taken))) = first(&bytes) {
                prop_assert!((4..=bytes.len()).contains(&taken));
                prop_assert!(matches!(line, Line::Flush) || line == Line::Data(&bytes[4..taken]));
            }
        }

        #[test]
        fn what_is_written_is_read_again(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            write(&mut out, &data);
            prop_assert_eq!(first(&out), Ok(Some((Line::Data(&data[..]), out.len()))));
        }
    }
}
