//! NDJSON: one JSON text a line, read as it comes, until the line that is the last by its meaning.

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;

use bytes::BytesMut;
use futures::{Stream, TryStreamExt};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use serde::de::DeserializeOwned;

use super::{Error, http::unreachable};
use crate::turn::{LONG, Turn};

/// The longest line that is kept, in bytes. One line of the agent can hold the whole output of a tool.
const LONGEST: usize = 80 << 20;
/// A line so many times as long ends the stream: its end is not looked for.
const HOPELESS: usize = 8;
/// How much of the beginning of a line that is too long is looked at, in bytes.
const HEAD: usize = 512;

/// Makes what stands in the place of a line that is too long to be kept, of its beginning and its length. Without it
/// such a line is an error.
type TooLong<T> = Option<fn(&[u8], usize) -> Option<T>>;

/// The lines of `body` up to and with the first that `is_last`. If none is, or one is not a `T`, the
/// last item is an error. At most one line and one chunk of the body are in memory.
pub(super) fn read<T, B>(
    body: B,
    is_last: fn(&T) -> bool,
    too_long: TooLong<T>,
) -> impl Stream<Item = Result<T, Error>> + Send + use<T, B>
where
    T: DeserializeOwned + Send,
    B: Body<Data = Bytes, Error: std::error::Error + 'static> + Send + 'static,
{
    read_within(LONGEST, body, is_last, too_long)
}

/// The same, each with the turn it needs until it is done with.
pub(super) fn read_in_turn<T, B>(
    body: B,
    is_last: fn(&T) -> bool,
    too_long: TooLong<T>,
) -> impl Stream<Item = Result<(T, Turn), Error>> + Send + use<T, B>
where
    T: DeserializeOwned + Send,
    B: Body<Data = Bytes, Error: std::error::Error + 'static> + Send + 'static,
{
    in_turn(LONGEST, body, is_last, too_long)
}

fn read_within<T, B>(
    longest: usize,
    body: B,
    is_last: fn(&T) -> bool,
    too_long: TooLong<T>,
) -> impl Stream<Item = Result<T, Error>> + Send + use<T, B>
where
    T: DeserializeOwned + Send,
    B: Body<Data = Bytes, Error: std::error::Error + 'static> + Send + 'static,
{
    in_turn(longest, body, is_last, too_long).map_ok(|(line, _turn)| line)
}

fn in_turn<T, B>(
    longest: usize,
    body: B,
    is_last: fn(&T) -> bool,
    too_long: TooLong<T>,
) -> impl Stream<Item = Result<(T, Turn), Error>> + Send + use<T, B>
where
    T: DeserializeOwned + Send,
    B: Body<Data = Bytes, Error: std::error::Error + 'static> + Send + 'static,
{
    async_stream::try_stream! {
        let mut body = std::pin::pin!(body);
        let mut buffer = BytesMut::new();
        // How much of the buffer is known to hold no line end.
        let mut searched = 0;
        // The beginning of a line that is too long, and how much of it was thrown away.
        let mut left_out: Option<(Vec<u8>, usize)> = None;
        let mut turn = Turn::default();
        loop {
            let Some(found) = buffer[searched..].iter().position(|byte| *byte == b'\n') else {
                searched = buffer.len();
                if longest < searched || left_out.is_some() {
                    let (_, bytes) = left_out.get_or_insert_with(|| (head(&buffer), 0));
                    *bytes += searched;
                    (buffer, searched, turn) = (BytesMut::new(), 0, Turn::default());
                    if too_long.is_none() || longest.saturating_mul(HOPELESS) < *bytes {
                        Err(Error::Protocol(format!("a line of more than {bytes} bytes")))?;
                    }
                } else if LONG < searched && !turn.is_taken() {
                    turn = Turn::take().await;
                }
                buffer.extend_from_slice(&next(body.as_mut()).await?);
                continue;
            };
            let line = buffer.split_to(searched + found + 1);
            if LONG < line.len() {
                // Both are parts of one piece of memory, which would be kept for the next lines as large as it is.
                buffer = BytesMut::from(&buffer[..]);
            }
            searched = 0;
            // Also where all of it came at once: what is too long does not depend on how the network cuts it.
            if longest < line.len() - 1 || left_out.is_some() {
                let (head, bytes) = left_out.take().unwrap_or_else(|| (head(&line), 0));
                let bytes = bytes + line.len() - 1;
                drop(line);
                let line = too_long.and_then(|make| make(&head, bytes));
                let line = line.ok_or_else(|| Error::Protocol(format!("a line of {bytes} bytes")))?;
                yield (line, Turn::default());
                continue;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let read = serde_json::from_slice::<T>(&line);
            drop(line);
            let line = read.map_err(|error| Error::Protocol(format!("a line: {error}")))?;
            let last = is_last(&line);
            yield (line, std::mem::take(&mut turn));
            if last {
                return;
            }
        }
    }
}

fn head(line: &[u8]) -> Vec<u8> {
    line[..HEAD.min(line.len())].to_vec()
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
        let too_long = |head: &[u8], bytes| {
            let beginning = String::from_utf8_lossy(&head[..3]);
            (!beginning.starts_with('1')).then(|| json!([beginning, bytes]))
        };
        read_within(100, body, |line| *line == json!("end"), Some(too_long)).collect().await
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

    #[tokio::test]
    async fn another_line_stands_in_the_place_of_one_that_is_too_long() {
        let long = "\"".to_owned() + &"x".repeat(400);
        for size in [1, 7, 60, 1000] {
            let text = format!("1\n{long}\n2\n{long}\n\"end\"\n");
            let read = lines(text.as_bytes().chunks(size).map(<[u8]>::to_vec).collect()).await;
            let left_out = json!(["\"xx", 401]);
            assert_eq!(
                values(read),
                [json!(1), left_out.clone(), json!(2), left_out, json!("end")],
                "{size}"
            );
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
