//! Whether an answer begins as git's does: nothing else may pass into a container, whatever address gave it. Pure.

use axum::http::{HeaderMap, header};

use super::{
    pkt_line,
    target::{Part, Target},
};

/// How a list of references may begin: as smart HTTP does, as version 2 or 1 does, or with an error.
const FIRST: [&[u8]; 3] = [b"# service=", b"version ", b"ERR "];
/// The longest of them.
const LONGEST: usize = FIRST[0].len();

/// What git calls its answer to this.
pub(super) fn kind(target: &Target) -> String {
    let part = match target.part {
        Part::References => "advertisement",
        Part::Exchange => "result",
    };
    format!("application/x-{}-{part}", target.service.name())
}

/// Whether these are the headers of git's answer. A packed one would hide what it is.
pub(super) fn announced(target: &Target, headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|it| it.as_bytes() == value.as_bytes());
    is(header::CONTENT_TYPE, &kind(target))
        && (!headers.contains_key(header::CONTENT_ENCODING) || is(header::CONTENT_ENCODING, "identity"))
}

/// Whether the answer begins as git's; `None` while that needs more bytes.
pub(super) fn begins(part: Part, bytes: &[u8]) -> Option<bool> {
    let Some((digits, data)) = bytes.split_at_checked(4) else {
        return (!bytes.iter().all(u8::is_ascii_hexdigit)).then_some(false);
    };
    let Some(length) = pkt_line::length(digits) else { return Some(false) };
    match part {
        Part::Exchange => Some(true),
        Part::References => {
            let data = &data[..data.len().min(length.saturating_sub(4))];
            match FIRST.iter().any(|first| data.starts_with(first)) {
                true => Some(true),
                false => (LONGEST.min(length.saturating_sub(4)) <= data.len()).then_some(false),
            }
        }
    }
}

/// Whether an answer may end after these bytes, with which nothing was decided yet. A push is answered with nothing
/// by those who were asked for no report.
pub(super) const fn may_end(part: Part, bytes: &[u8]) -> bool {
    matches!(part, Part::Exchange) && bytes.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_git_says_first_is_known_and_nothing_else_is() {
        let list: [&[u8]; 5] = [
            b"001e# service=git-upload-pack\n0000",
            b"001f# service=git-receive-pack\n",
            b"000eversion 2\n",
            b"000dversion 1",
            b"0012ERR not allowed",
        ];
        for git in list {
            assert_eq!(begins(Part::References, git), Some(true));
            assert_eq!(begins(Part::Exchange, git), Some(true));
        }
        for git in [
            &b"0008NAK\nPACK"[..],
            b"0000",
            b"0001",
            b"0002",
            b"0034shallow 1111",
            b"0030\x01000eunpack ok\n",
        ] {
            assert_eq!(begins(Part::Exchange, git), Some(true));
            assert_eq!(begins(Part::References, git), Some(false), "{git:?}");
        }
        let others: [&[u8]; 8] = [
            b"{\"AccessKeyId\": \"x\"}",
            b"<!DOCTYPE html>",
            b"ami-id\nhostname\n",
            b"-ERR unknown command",
            b"\x00\x00\x00\x04",
            b"0003",
            b"fff1xxxx",
            b"+005",
        ];
        for other in others {
            assert_eq!(begins(Part::References, other), Some(false), "{other:?}");
            assert_eq!(begins(Part::Exchange, other), Some(false), "{other:?}");
        }
        assert!(
            may_end(Part::Exchange, b"")
                && !may_end(Part::Exchange, b"00")
                && !may_end(Part::References, b"")
        );
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_judged_the_same(text in "[0-9a-f]{0,4}(# service=|version |ERR |NAK|\\{)?[a-z]{0,12}", cut in 0usize..20) {
            for part in [Part::References, Part::Exchange] {
                let whole = begins(part, text.as_bytes());
                let first = begins(part, &text.as_bytes()[..cut.min(text.len())]);
                prop_assert!(first.is_none() || first == whole);
            }
        }
    }
}
