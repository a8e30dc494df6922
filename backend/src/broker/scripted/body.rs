//! The body of a model call: JSON, perhaps packed, and not too large. Hostile input.

use std::io::Read;

use axum::{
    body,
    extract::Request,
    http::{StatusCode, header},
};
use bytes::Bytes;
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::broker::refusal::Refusal;

/// The most a request may be, packed or not: what the real API takes.
const LARGEST: usize = 32 << 20;

/// Reads the whole body.
pub(super) async fn read(request: Request) -> Result<Value, Refusal> {
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than 32 MB");
    let packed = request.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
    let bytes = body::to_bytes(request.into_body(), LARGEST).await.map_err(|_| too_large())?;
    let bytes = if packed { unpack(&bytes).ok_or_else(too_large)? } else { bytes };
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the request is not JSON: {error}")))
}

/// The unpacked body, unless it is too large. What is not gzip comes out as nothing, which is not JSON.
fn unpack(packed: &Bytes) -> Option<Bytes> {
    let mut bytes = Vec::new();
    let limit = LARGEST as u64 + 1;
    let read = GzDecoder::new(&packed[..]).take(limit).read_to_end(&mut bytes);
    if read.is_err() {
        bytes.clear();
    }
    (bytes.len() <= LARGEST).then(|| bytes.into())
}
