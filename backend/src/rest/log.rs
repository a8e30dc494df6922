//! `GET /api/runs/{id}/log`: all events of a run so far as NDJSON, read and sent page by page.

use api::id::RunId;
use axum::{
    body::Body,
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};

use super::{
    Answer,
    pieces::{self, Pieces},
    refuse, run_id,
};
use crate::{
    app::{App, follow::pump::PATIENCE},
    store::{Error, PageLimit, Store},
};

/// How much is read at once, and all that is held in memory.
const PAGE: PageLimit = PageLimit { events: 256, bytes: 64 << 10 };

pub(super) async fn log(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = run_id(&id)?;
    let run = app.run_by_id(id).await.map_err(refuse)?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"run-{id}.ndjson\"")),
    ];
    if run.events_removed_at.is_some() {
        return Ok((headers, Body::empty()).into_response());
    }
    let (pieces, body) = pieces::body(1, PATIENCE);
    app.tasks.clone().spawn("log", move |stop| async move {
        let sent = tokio::select! {
            () = stop.cancelled() => return,
            sent = send(&app.store, id, &pieces) => sent,
        };
        match sent {
            Ok(true) => pieces.finish(None).await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a download of a log is broken off"),
        }
    });
    Ok((headers, body).into_response())
}

/// A page at a time. Answers whether all was taken.
async fn send(store: &Store, run: RunId, pieces: &Pieces) -> Result<bool, Error> {
    let mut after = 0;
    loop {
        let page = store.event_page(run, after, PAGE).await?;
        let Some(last) = page.events.last() else { return Ok(true) };
        after = last.seq;
        let taken = if last.is_large() {
            let last = last.clone();
            drop(page);
            pieces.offer_long(last.text()).await && pieces.offer("\n".into()).await
        } else {
            let mut text = Vec::new();
            for event in &page.events {
                let json = serde_json::to_writer(&mut text, &**event);
                json.map_err(|error| Error::Corrupt { what: "event", why: error.to_string() })?;
                text.push(b'\n');
            }
            drop(page);
            pieces.offer(text.into()).await
        };
        if !taken {
            return Ok(false);
        }
    }
}
