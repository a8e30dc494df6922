//! The body of a smart HTTP request, unpacked: SSH knows no content encodings.

use std::io::Write;

use async_stream::try_stream;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::write::GzDecoder;
use futures::{StreamExt, stream::BoxStream};

/// The most that a packed request may unpack to: what one lists of commits, never a pack.
const LARGEST: usize = 64 << 20;
/// How much is unpacked at a time; it can become a thousand times as much.
const PIECE: usize = 1 << 10;

pub(super) type Body = BoxStream<'static, Result<Bytes, BodyError>>;

/// A request that broke off or cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::broker::git) struct BodyError(String);

impl BodyError {
    pub(in crate::broker::git) fn new(why: impl ToString) -> Self {
        Self(why.to_string())
    }
}

/// The body as it was before it was packed. `None` for an encoding that git does not use.
pub(super) fn unpacked(headers: &HeaderMap, body: Body) -> Option<Body> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter().collect::<Vec<_>>();
    match encodings[..] {
        [] => Some(body),
        [one] if one == "gzip" || one == "x-gzip" => Some(gunzip(body)),
        _ => None,
    }
}

fn gunzip(mut body: Body) -> Body {
    let unpacked = try_stream! {
        let (mut decoder, mut size) = (GzDecoder::new(Vec::new()), 0);
        while let Some(bytes) = body.next().await {
            for piece in bytes?.chunks(PIECE) {
                decoder.write_all(piece).map_err(BodyError::new)?;
                let out = counted(std::mem::take(decoder.get_mut()), &mut size)?;
                if !out.is_empty() {
                    yield out;
                }
            }
        }
        yield counted(decoder.finish().map_err(BodyError::new)?, &mut size)?;
    };
    unpacked.boxed()
}

fn counted(out: Vec<u8>, size: &mut usize) -> Result<Bytes, BodyError> {
    *size += out.len();
    if LARGEST < *size {
        return Err(BodyError::new("the request unpacks to too much"));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests;
