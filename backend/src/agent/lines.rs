//! NDJSON: one JSON text a line, read as it comes, until the line that is the last by its meaning.

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;

use bytes::BytesMut;
use futures::Stream;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use serde::de::DeserializeOwned;

use super::{Error, http::unreachable};

/// The longest line, in bytes. One line of the agent can hold the whole output of a tool.
const LONGEST: usize = 80 << 20;

/// The lines of `body` up to and with the first that `is_last`. If none is, or one is not a `T`, the
/// last item is an error. At most one line and one chunk of the body are in memory.
pub(super) fn read<T, B>(
    body: B,
    is_last: fn(&T) -> bool,
) -> impl Stream<Item = Result<T, Error>> + Send + use<T, B>
where
    T: DeserializeOwned + Send,
    B: Body<Data = Bytes, Error: std::error::Error + 'static> + Send + 'static,
{
    read_within(LONGEST, body, is_last)
}

fn read_within<T, B>(
    longest: usize,
    body: B,
    is_last: fn(&T) -> bool,
) -> impl Stream<Item = Result<T, Error>> + Send + use<T, B>
where
    T: DeserializeOwned + Send,
    B: Body<Data = Bytes, Error: std::error::Error + 'static> + Send + 'static,
{
    async_stream::try_stream! {
        let mut body = std::pin::pin!(body);
        let mut buffer = BytesMut::new();
        // How much of the buffer is known to hold no line end.
        let mut searched = 0;
        loop {
            let Some(found) = buffer[searched..].iter().position(|byte| *byte == b'\n') else {
                searched = buffer.len();
                if searched > longest {
                    Err(Error::Protocol(format!("a line of more than {longest} bytes")))?;
                }
                buffer.extend_from_slice(&next(body.as_mut()).await?);
                continue;
            };
            // Also where all of it came at once: what is too long does not depend on how the network cuts it.
            if longest < searched + found {
                Err(Error::Protocol(format!("a line of more than {longest} bytes")))?;
            }
            let line = buffer.split_to(searched + found + 1);
            searched = 0;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let line: T = serde_json::from_slice(&line).map_err(|error| Error::Protocol(format!("a line: {error}")))?;
            let last = is_last(&line);
            yield line;
            if last {
                return;
            }
        }
    }
}

/// The next data of a body that must not end yet.
async fn next<B>(mut body: std::pin::Pin<&mut B>) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes, Error: std::error::Error + 'static>,
{
    loop {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(data);
                }
            }
            Some(Err(error)) => return Err(unreachable(&error)),
            None => return Err(Error::Unreachable("the stream ended before its last line".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Reads chunks as they are, with a cap of 100 bytes a line; the last line is the string "end".
    async fn lines(chunks: Vec<Vec<u8>>) -> Vec<Result<Value, Error>> {
        let frames = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from(chunk))));
        let body = StreamBody::new(stream::iter(frames));
        read_within(100, body, |line| *line == json!("end")).collect().await
    }

    fn values(lines: Vec<Result<Value, Error>>) -> Vec<Value> {
        lines.into_iter().map(|line| line.unwrap()).collect()
    }

    #[tokio::test]
    async fn nothing_is_read_after_the_last_line() {
        let read = lines(vec![b"1\n\n \r\n2\n\"end\"\nrubbish\n".to_vec()]).await;
        assert_eq!(values(read), [json!(1), json!(2), json!("end")]);
    }

    #[tokio::test]
    async fn a_stream_without_its_last_line_was_cut() {
        for text in ["", "1\n", "1\n\"en", "1\n\"end\""] {
            let read = lines(vec![text.into()]).await;
            assert!(matches!(read.last(), Some(Err(Error::Unreachable(_)))), "{text:?}: {read:?}");
            assert_eq!(read.len(), 1 + usize::from(!text.is_empty()), "{text:?}: {read:?}");
        }
    }

    #[tokio::test]
    async fn a_line_that_is_not_json_or_too_long_ends_the_stream() {
        let endless = vec![vec![b'1'; 60]; 1000];
        for chunks in [vec![b"1\n{\n2\n".to_vec()], [vec![b"1\n".to_vec()], endless].concat()] {
            let read = lines(chunks).await;
            assert!(matches!(read.as_slice(), [Ok(_), Err(Error::Protocol(_))]), "{read:?}");
        }
    }

    proptest! {
        #[test]
        fn where_the_network_cuts_makes_no_difference(
            texts in proptest::collection::vec("[^\\PC]{0,20}", 0..20),
            cuts in proptest::collection::vec(1_usize..30, 1..40),
        ) {
            let expected: Vec<Value> = texts.iter().map(|text| json!([text])).chain([json!("end")]).collect();
            let bytes: Vec<u8> =
                expected.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let mut rest = bytes.as_slice();
            let mut chunks = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, after) = rest.split_at(rest.len().min(*cut));
                chunks.push(chunk.to_vec());
                rest = after;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(values(runtime.block_on(lines(chunks))), expected);
        }
    }
}
