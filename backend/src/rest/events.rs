//! `GET /api/runs/{id}/events`: a run's log as Server-Sent Events, from any number on, then live to its end.
//!
//! The events of the stream are named like the frames of `runs.onMessage` and carry the same JSON; `id` is the
//! number of a run's event. A browser that was cut comes back with `Last-Event-ID`, which wins over `after`.
//! When there is nothing left to send it is answered 204, at which browsers stop.

use std::{convert::Infallible, time::Duration};

use api::{error::ApiError, run::RunState, stream::Frame};
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, future};
use serde::Deserialize;

use super::{Answer, refuse, run_id};
use crate::{
    app::{
        App,
        follow::{self, Outgoing},
    },
    server::Refusal,
    store::Error,
};

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
    Path(id): Path<String>,
    from: Result<Query<From>, QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let id = run_id(&id)?;
    let Query(From { after }) =
        from.map_err(|error| Refusal(ApiError::invalid("after", error.body_text())))?;
    let last = last_event_id(&headers)?;
    let after = app.check_after(id, last.or(after)).await.map_err(refuse)?;
    if last.is_some() {
        let run = app.run_by_id(id).await.map_err(refuse)?;
        if run.state == RunState::Ended && run.last_seq <= after {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    let stop = app.tasks.stopping().cancelled_owned();
    let frames = follow::follow(app.store.clone(), id, after).take_until(stop);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(sent(frames)).keep_alive(keep_alive).into_response())
}

/// The number of the last event this reader has; browsers send it by themselves.
fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || Refusal(ApiError::invalid("Last-Event-ID", "is not the number of an event"));
    number.map(Some).ok_or_else(wrong)
}

/// The frames as they are sent. One that cannot be read cuts the stream: without `end` the reader comes back.
fn sent(
    frames: impl Stream<Item = Result<Outgoing, Error>>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let event = |frame: Result<Outgoing, Error>| {
        let frame = frame.inspect_err(|error| tracing::warn!(%error, "a reader is cut")).ok()?;
        let (name, id) = match &frame {
            Outgoing::Item { event } => ("item", Some(event.seq)),
            Outgoing::Other(Frame::Item { event }) => ("item", Some(event.seq)),
            Outgoing::Other(Frame::Partial { .. }) => ("partial", None),
            Outgoing::Other(Frame::CaughtUp { .. }) => ("caughtUp", None),
            Outgoing::Other(Frame::End) => ("end", None),
            Outgoing::Other(Frame::Resync { .. }) => ("resync", None),
        };
        let event = Event::default().event(name).json_data(&frame).ok()?;
        Some(Ok(match id {
            Some(id) => event.id(id.to_string()),
            None => event,
        }))
    };
    frames.map(event).take_while(|event| future::ready(event.is_some())).filter_map(future::ready)
}
