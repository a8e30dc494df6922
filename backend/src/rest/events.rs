//! `GET /api/runs/{id}/events`: a run's log as Server-Sent Events, from any number on, then live to its end.
//!
//! The events of the stream are named like the frames of `runs.onMessage` and carry the same JSON; `id` is the
//! number of a run's event. A browser that was cut comes back with `Last-Event-ID`, which wins over `after`.
//! When there is nothing left to send it is answered 204, at which browsers stop.

use std::time::Duration;

use api::{error::ApiError, run::RunState, stream::Frame};
use axum::{
    Extension,
    body::Bytes,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};

use super::{
    Answer,
    pieces::{self, Pieces},
    refuse, run_id,
};
use crate::{
    app::{
        App,
        follow::{
            Outgoing,
            pump::{Left, Outlet, PATIENCE, Untaken, pump},
        },
    },
    caller::Caller,
    server::Refusal,
    store::Error,
};

/// How many events may wait for one reader, beside what its connection holds.
const PLACES: usize = 4;
/// How often a silent stream says that it lives: proxies close what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    after: Option<i64>,
}

pub(super) async fn events(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    from: Result<Query<From>, QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let id = run_id(&id)?;
    let Query(From { after }) =
        from.map_err(|error| Refusal(ApiError::invalid("after", error.body_text())))?;
    let last = last_event_id(&headers)?;
    let (after, frames) = app.run_follow(&caller, id, last.or(after)).await.map_err(refuse)?;
    if last.is_some() {
        let run = app.run_by_id(&caller, id).await.map_err(refuse)?;
        if run.state == RunState::Ended && run.last_seq <= after {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    let (pieces, body) = pieces::body(PLACES, PATIENCE);
    app.tasks.spawn("reader", move |stop| async move {
        let mut sent = Sent { pieces, is_inside: false };
        let left = pump(&mut sent, frames, after, &stop).await;
        tokio::select! {
            biased;
            () = sent.finish(left) => {}
            () = stop.cancelled() => {}
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, body).into_response())
}

/// The number of the last event this reader has; browsers send it by themselves.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || Refusal(ApiError::invalid("Last-Event-ID", "is not the number of an event"));
    number.map(Some).ok_or_else(wrong)
}

/// The reader of a stream.
struct Sent {
    pieces: Pieces,
    /// Whether a part of an event was sent, and not yet all of it.
    is_inside: bool,
}

impl Sent {
    /// Ends the body. Without `end` the reader comes back; a last word tells it why. A body that ends inside an event
    /// breaks off instead: readers forget the part, and come back for the whole.
    async fn finish(self, left: Left) {
        let last = match left {
            _ if self.is_inside => return,
            Left::Late(resync) => text(&resync).ok(),
            Left::Over | Left::Unreadable => None,
        };
        self.pieces.finish(last).await;
    }
}

impl Outlet for Sent {
    async fn offer(&mut self, frame: &Outgoing) -> Result<(), Untaken> {
        match frame {
            Outgoing::Item { event } if event.is_large() => {
                // As below, without another copy of the text. The number comes last: whoever has read it has the text.
                self.pieces.offer("event: item\ndata: {\"type\":\"item\",\"event\":".into()).await?;
                self.is_inside = true;
                self.pieces.offer_long(event.text(), || event.is_wanted()).await?;
                self.pieces.offer(format!("}}\nid: {}\n\n", event.seq).into()).await?;
                self.is_inside = false;
                Ok(())
            }
            Outgoing::Item { event } => self.pieces.offer(encoded("item", Some(event.seq), frame)?).await,
            Outgoing::Other(frame) => self.pieces.offer(text(frame)?).await,
        }
    }

    async fn gone(&mut self) {
        while tokio::time::timeout(KEEP_ALIVE, self.pieces.gone()).await.is_err() {
            self.pieces.offer_now(":\n\n".into());
        }
    }
}

/// A frame without a long text as it is sent.
fn text(frame: &Frame) -> Result<Bytes, Error> {
    let (name, id) = match frame {
        Frame::Item { event } => ("item", Some(event.seq)),
        Frame::Part { .. } => ("part", None),
        Frame::Partial { .. } => ("partial", None),
        Frame::CaughtUp { .. } => ("caughtUp", None),
        Frame::End => ("end", None),
        Frame::Resync { .. } => ("resync", None),
    };
    encoded(name, id, frame)
}

/// An event of the stream.
fn encoded(name: &str, id: Option<i64>, frame: &impl Serialize) -> Result<Bytes, Error> {
    let mut text = format!("event: {name}\n").into_bytes();
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(b"data: ");
    // JSON of ours has no line ends in it.
    serde_json::to_writer(&mut text, frame)
        .map_err(|error| Error::Corrupt { what: "event", why: error.to_string() })?;
    text.extend_from_slice(b"\n\n");
    Ok(text.into())
}

#[cfg(test)]
mod tests;
