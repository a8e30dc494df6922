//! Takes credentials out of what an upstream says, should it repeat one: in headers, in text, and in a
//! stream however it is cut. What is taken out is replaced by as many asterisks, so lengths stay true.

use std::sync::Arc;

use axum::{body::Body, http::HeaderMap};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};

/// A shorter text is no credential, and would be found everywhere.
const SHORTEST: usize = 6;

/// What to look for.
#[derive(Clone, Default)]
pub(super) struct Redactor(Arc<[Vec<u8>]>);

impl Redactor {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| SHORTEST <= secret.len());
        Self(secrets.map(|secret| secret.as_bytes().to_vec()).collect())
    }

    /// The text without them.
    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned()
    }

    /// The bytes without them.
    pub(super) fn bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        self.blank(&mut bytes);
        bytes
    }

    /// The headers that repeat none.
    pub(super) fn headers(&self, mut headers: HeaderMap) -> HeaderMap {
        let repeats = |bytes: &[u8]| self.0.iter().any(|secret| find(bytes, secret).is_some());
        let bad = headers.iter().filter(|(_, value)| repeats(value.as_bytes()));
        let bad = bad.map(|(name, _)| name.clone()).collect::<Vec<_>>();
        for name in bad {
            headers.remove(name);
        }
        headers
    }

    /// The body without them. Nothing waits but what could be the beginning of one.
    pub(super) fn body<E>(self, pieces: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Body
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + Sync + 'static,
    {
        if self.0.is_empty() {
            return Body::from_stream(pieces);
        }
        let mut filter = Filter { secrets: self, held: BytesMut::new() };
        let mut pieces = Box::pin(pieces);
        Body::from_stream(async_stream::stream! {
            while let Some(piece) = pieces.next().await {
                match piece {
                    Ok(bytes) => {
                        let passed = filter.pass(bytes);
                        if !passed.is_empty() {
                            yield Ok(passed);
                        }
                    }
                    Err(error) => yield Err(error),
                }
            }
            if !filter.held.is_empty() {
                yield Ok(filter.held.split().freeze());
            }
        })
    }

    fn blank(&self, bytes: &mut [u8]) -> bool {
        let mut found = false;
        for secret in &*self.0 {
            let mut at = 0;
            while let Some(next) = find(&bytes[at..], secret) {
                bytes[at + next..][..secret.len()].fill(b'*');
                at += next + secret.len();
                found = true;
            }
        }
        found
    }
}

/// Looks through a stream.
struct Filter {
    secrets: Redactor,
    /// The end of what came so far: it could be the beginning of a secret.
    held: BytesMut,
}

impl Filter {
    fn pass(&mut self, bytes: Bytes) -> Bytes {
        self.held.extend_from_slice(&bytes);
        self.secrets.blank(&mut self.held);
        let keep = self.secrets.0.iter().map(|secret| begun(&self.held, secret)).max().unwrap_or(0);
        self.held.split_to(self.held.len() - keep).freeze()
    }
}

/// How many of the last bytes are the first of the secret.
fn begun(bytes: &[u8], secret: &[u8]) -> usize {
    let most = bytes.len().min(secret.len() - 1);
    (1..=most).rev().find(|&length| bytes.ends_with(&secret[..length])).unwrap_or(0)
}

fn find(bytes: &[u8], secret: &[u8]) -> Option<usize> {
    let &first = secret.first()?;
    let last = bytes.len().checked_sub(secret.len())?;
    let mut at = 0;
    // Most bytes are passed over by the search for one.
    while let Some(next) = bytes[at..=last].iter().position(|&byte| byte == first) {
        at += next;
        if bytes[at..].starts_with(secret) {
            return Some(at);
        }
        at += 1;
        if last < at {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::to_bytes;
    use futures::stream;
    use proptest::prelude::*;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new(["sk-canary-1", "aaaaaaab", "short"])
    }

    async fn through(text: &[u8], size: usize) -> String {
        let pieces = text.chunks(size).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
        let pieces = pieces.collect::<Vec<_>>();
        let body = redactor().body(stream::iter(pieces));
        String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_credential_is_found_however_the_answer_is_cut() {
        let text = "no sk-canary-1, sk-canary-1sk-canary-1 sk-canary-2 aaaaaaaaaaab short sk-canary-";
        let clean = "no ***********, ********************** sk-canary-2 aaaa******** short sk-canary-";
        for size in 1..text.len() + 1 {
            assert_eq!(through(text.as_bytes(), size).await, clean, "in pieces of {size}");
        }
        assert_eq!(redactor().text(text), clean);
    }

    #[test]
    fn a_header_that_repeats_one_is_left_out() {
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", "key=sk-canary-1".parse().unwrap());
        headers.insert("x-other", "sk-canary".parse().unwrap());
        let headers = redactor().headers(headers);
        assert_eq!(headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["x-other"]);
    }

    #[tokio::test]
    async fn an_event_is_not_held_back() {
        let mut filter = Filter { secrets: redactor(), held: BytesMut::new() };
        assert_eq!(filter.pass(Bytes::from_static(b"data: {}\n\n")), "data: {}\n\n");
        assert_eq!(filter.pass(Bytes::from_static(b"data: sk-")), "data: ");
        assert_eq!(filter.pass(Bytes::from_static(b"x")), "sk-x");
    }

    proptest! {
        #[test]
        fn nothing_but_credentials_is_changed(text in "[a-c ]{0,60}", size in 1_usize..20) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let passed = runtime.block_on(through(text.as_bytes(), size));
            prop_assert_eq!(passed, text.replace("aaaaaaab", "********"));
        }
    }
}
