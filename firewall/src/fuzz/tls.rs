//! The relay's look at a TLS client's hello.

use super::cuts;
use crate::relay::client_hello::{Hello, measure, parse};

/// What a TLS client sends: it is judged the same however it is cut, and the name is one that it holds.
///
/// # Panics
/// When it is not.
pub fn client_hello(bytes: &[u8]) {
    let (whole, length) = measure(bytes);
    let complete = !matches!(whole, Hello::More | Hello::Malformed) || 0 < length;
    assert!(length <= bytes.len());
    for cut in cuts(bytes.len()) {
        let early = parse(&bytes[..cut]);
        assert!(early == Hello::More || early == whole, "at {cut}: {early:?}, as a whole {whole:?}");
        assert!(!complete || (early == Hello::More) == (cut < length), "at {cut} of {length}: {early:?}");
    }
    if let Hello::For(name) = &whole {
        let message = without_records(&bytes[..length]).to_ascii_lowercase();
        let name = name.as_str().as_bytes();
        let holds = message.windows(name.len()).any(|window| window == name);
        assert!(holds, "the name is not in the hello");
    }
}

/// What the records hold.
fn without_records(mut bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    while let [_, _, _, high, low, rest @ ..] = bytes {
        let (record, after) = rest.split_at(usize::from(*high) << 8 | usize::from(*low));
        message.extend_from_slice(record);
        bytes = after;
    }
    message
}
