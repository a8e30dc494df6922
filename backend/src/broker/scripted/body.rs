//! The body of a model call: JSON, perhaps packed, and not too large. Hostile input.

use std::{io::Read, sync::LazyLock, time::Duration};

use axum::{
    body,
    extract::Request,
    http::{StatusCode, header},
};
use bytes::Bytes;
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{
    broker::refusal::Refusal,
    room::{Place, Room},
};

/// The most a request may be, packed or not: what the real API takes.
const LARGEST: usize = 32 << 20;
/// A longer one takes room that all runs share, and may not take long, in bytes.
const LONG: u64 = 1 << 20;
const ROOM_OF_LONG: usize = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of the others one run may have on its way, in bytes.
pub(in crate::broker) const ROOM_OF_RUN: usize = 4 << 20;

/// The room for long ones.
static LONG_ONES: LazyLock<Room> = LazyLock::new(|| Room::of(ROOM_OF_LONG));

/// Reads the whole body, as soon as there is room for it among those of its run, or of all runs if it is long.
pub(super) async fn read(request: Request, of_run: &Room) -> Result<Value, Refusal> {
    let length: Option<u64> =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // `None` cannot be: a room is never closed.
    let _place: Option<Place> = match length {
        Some(length) if length <= LONG => of_run.place(length as usize).await,
        _ => {
            let _place = LONG_ONES.place(length.map_or(LARGEST, |length| length as usize)).await;
            return tokio::time::timeout(PATIENCE, whole(request)).await.unwrap_or_else(|_| {
                let why = format!("a request of more than 1 MB must be here within {} s", PATIENCE.as_secs());
                Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, why))
            });
        }
    };
    whole(request).await
}

async fn whole(request: Request) -> Result<Value, Refusal> {
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
