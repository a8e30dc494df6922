//! What must hold of the executor's lines, wherever the network cuts them.

use std::convert::Infallible;

use api::executor::{CloneLine, ExecutionLine};
use futures::{FutureExt, StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Error, read_within};

/// An executor's answer. The first byte says how long a line may be, the second how large the pieces are that
/// come; the rest is the answer. Its last line is `"end"`.
///
/// # Panics
/// When its lines, or its end, differ from what a simple reader of the whole finds.
pub fn ndjson(bytes: &[u8]) {
    let [longest, size, body @ ..] = bytes else { return };
    let (longest, size) = (usize::from(*longest), usize::from(*size) + 1);
    let end = |line: &Value| *line == json!("end");
    let found = read(longest, body, size, end);
    let found: Vec<Result<Value, bool>> =
        found.into_iter().map(|line| line.map_err(|error| matches!(error, Error::Protocol(_)))).collect();
    assert_eq!(found, expected(body, longest));
    drop(read::<ExecutionLine>(longest, body, size, |line| line.n() == Some(0)));
    drop(read::<CloneLine>(longest, body, size, |line| matches!(line, CloneLine::Failed(_))));
}

fn read<T>(longest: usize, body: &[u8], size: usize, last: fn(&T) -> bool) -> Vec<Result<T, Error>>
where
    T: DeserializeOwned + Send + 'static,
{
    let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
    let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    let lines = read_within(longest, StreamBody::new(stream::iter(frames)), last, None);
    // Everything is there: nothing waits.
    lines.collect().now_or_never().expect("it waits for what is there")
}

/// The values, then whether it ended with what is no answer (`true`) or was cut (`false`).
fn expected(mut body: &[u8], longest: usize) -> Vec<Result<Value, bool>> {
    let mut lines = Vec::new();
    while let Some(at) = body.iter().position(|byte| *byte == b'\n') {
        let (line, rest) = (&body[..at], &body[at + 1..]);
        body = rest;
        if longest < line.len() {
            lines.push(Err(true));
            return lines;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            lines.push(Err(true));
            return lines;
        };
        let last = value == json!("end");
        lines.push(Ok(value));
        if last {
            return lines;
        }
    }
    lines.push(Err(longest < body.len()));
    lines
}
