//! Pure: what kind of protocol the client's first bytes are. What looks like HTTP without being exactly that is
//! a trick: some server may take it for HTTP, and the name in it would go unseen.

/// The longest first line that is waited for, in bytes.
const LONGEST_LINE: usize = 64 * 1024;
/// What every server takes for HTTP, in whatever case.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"];

/// What the first bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It cannot be told yet.
    More,
    /// A TLS record with a handshake.
    Tls,
    /// An HTTP/1 request line.
    Http,
    /// Something that a server might take for HTTP, and that hides who it is for. Why it is refused.
    Trick(&'static str),
    /// Something else.
    Other,
}

/// Looks at the first bytes of a client.
#[must_use]
pub fn look(bytes: &[u8]) -> First {
    match bytes {
        [] => First::More,
        [0x16, ..] => First::Tls,
        // The hello of SSL 2, which has no place for a name.
        [0x80..=0xff, _, 0x01, 0x00 | 0x02 | 0x03, ..] => {
            First::Trick("a TLS hello of the old form names no server")
        }
        [0x80..=0xff, ..] if bytes.len() < 4 => First::More,
        [b'\r' | b'\n' | b' ' | b'\t', ..] => First::Trick("a request must not begin with white space"),
        _ => text(bytes),
    }
}

fn text(bytes: &[u8]) -> First {
    // The first word decides whether it is worth to wait for the end of the line. It decides the same when the
    // line is there: otherwise where the client cuts its bytes would decide.
    let (word, rest) = bytes.split_at(bytes.iter().take_while(|byte| is_token(**byte)).count());
    let asks = METHODS.iter().any(|method| word.eq_ignore_ascii_case(method.as_bytes()));
    if !asks && rest.first().is_some_and(|byte| !ends_word(*byte)) {
        return First::Other;
    }
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n' || *byte == 0) else {
        // Some servers read lines that are longer than what is waited for.
        return if bytes.len() < LONGEST_LINE {
            First::More
        } else {
            First::Trick("the first line has no end")
        };
    };
    let (line, zero) = (&bytes[..end], bytes[end] == 0);
    let line = String::from_utf8_lossy(line).to_ascii_uppercase();
    if line.starts_with("PRI ") {
        return First::Trick("HTTP/2 without TLS is not relayed");
    }
    if line.starts_with("PROXY ") {
        return First::Trick("the PROXY protocol is not relayed");
    }
    if !zero && is_request_line(&bytes[..end]) {
        return First::Http;
    }
    if asks && matches!(rest, [b' ' | b'\t', ..]) || line.contains("HTTP/") {
        return First::Trick("this is no well-formed HTTP/1.1 request");
    }
    First::Other
}

/// Exactly `METHOD target HTTP/1.x`, the method in capital letters.
fn is_request_line(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let plain = |word: &[u8], allowed: fn(&u8) -> bool| !word.is_empty() && word.iter().all(allowed);
    plain(method, |byte| byte.is_ascii_uppercase() || *byte == b'-' || *byte == b'_')
        && plain(target, u8::is_ascii_graphic)
        && matches!(version, b"HTTP/1.1" | b"HTTP/1.0")
}

/// What some servers take for the end of a word: white space of every kind, and what ends the line.
const fn ends_word(byte: u8) -> bool {
    matches!(byte, 0 | b'\t'..=b'\r' | 0x1c..=b' ')
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn protocols_are_told_apart_by_their_first_bytes() {
        for (bytes, first) in [
            (&b"\x16\x03\x01\x02\x00"[..], First::Tls),
            (b"GET / HTTP/1.1\r\n", First::Http),
            (b"VERSION-CONTROL http://a.example/ HTTP/1.0\n", First::Http),
            (b"GET / HT", First::More),
            (b"SSH-2.0-x\r\n", First::Other),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", First::Other),
            (b"0032git-upload-pack /x\0host=y\0", First::Other),
            (b"*1\r\n", First::Other),
            (b"EHLO x\r\n", First::Other),
        ] {
            assert_eq!(look(bytes), first, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_a_lenient_server_would_take_for_a_request_is_a_trick() {
        for trick in [
            &b"\r\nGET / HTTP/1.1\r\n"[..],
            b" GET / HTTP/1.1\r\n",
            b"get / HTTP/1.1\r\n",
            b"GET  / HTTP/1.1\r\n",
            b"GET\t/ HTTP/1.1\r\n",
            b"GET\x0b/\x0bHTTP/1.1\r\n",
            b"ANY\x1c/\x1cHTTP/1.1\r\n",
            b"GET / http/1.1\r\n",
            b"GET / HTTP/2.0\r\n",
            b"GET /\r\n",
            b"GET /\0 HTTP/1.1\r\n",
            b"GET / HTTP/1.1 \r\n",
            b"GET /\xff HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"\r\n\r\n\0\r\nQUIT\n",
            b"\x80\x2e\x01\x03\x01",
        ] {
            assert!(matches!(look(trick), First::Trick(_)), "{}", trick.escape_ascii());
        }
    }

    #[test]
    fn where_the_client_cuts_its_line_hides_no_request() {
        for line in [&b"GET\x0b/\x0bHTTP/1.1\r\n"[..], b"ANY\x1c/ HTTP/1.1\r\n", b"GET\"/ HTTP/1.1\r\n"] {
            assert!((1..line.len()).all(|cut| look(&line[..cut]) == First::More), "{}", line.escape_ascii());
        }
        let endless = [b"GET /", &[b'x'; LONGEST_LINE][..]].concat();
        assert!(matches!(look(&endless), First::Trick(_)));
    }

    proptest! {
        #[test]
        fn once_decided_more_bytes_change_nothing(bytes in proptest::collection::vec(any::<u8>(), 1..60), cut in 1usize..60) {
            let cut = cut.min(bytes.len());
            let early = look(&bytes[..cut]);
            if early != First::More {
                prop_assert_eq!(early, look(&bytes));
            }
        }

        #[test]
        fn any_cut_of_a_request_waits_or_knows(cut in 1usize..17) {
            let request = b"OPTIONS * HTTP/1.1\r\n";
            prop_assert_eq!(look(&request[..cut]), First::More);
        }
    }
}
