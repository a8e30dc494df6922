//! NDJSON: one JSON text a line, read as it comes, until the line that is the last by its meaning.

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
    async_stream::try_stream! {
        let mut body = std::pin::pin!(body);
        let mut buffer = BytesMut::new();
        // How much of the buffer is known to hold no line end.
        let mut searched = 0;
        loop {
            let Some(found) = buffer[searched..].iter().position(|byte| *byte == b'\n') else {
                searched = buffer.len();
                if searched > LONGEST {
                    Err(Error::Protocol(format!("a line of more than {LONGEST} bytes")))?;
                }
                buffer.extend_from_slice(&next(body.as_mut()).await?);
                continue;
            };
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
