//! `GET /api/runs/{id}/log`: all events of a run so far as NDJSON, read and sent page by page.

use api::id::RunId;
use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};
use futures::Stream;

use super::{Answer, refuse, run_id};
use crate::{
    app::App,
    store::{Error, PageLimit, Store},
};

/// How much is read at once, and all that is held in memory.
const PAGE: PageLimit = PageLimit { events: 256, bytes: 512 << 10 };

pub(super) async fn log(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let id = run_id(&id)?;
    let run = app.run_by_id(id).await.map_err(refuse)?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"run-{id}.ndjson\"")),
    ];
    let body = match run.events_removed_at {
        Some(_) => Body::empty(),
        None => Body::from_stream(lines(app.store, id)),
    };
    Ok((headers, body).into_response())
}

/// A page at a time. A page that cannot be read breaks the transfer off, so that nobody takes it for all.
fn lines(store: Store, run: RunId) -> impl Stream<Item = Result<Bytes, Error>> {
    async_stream::try_stream! {
        let mut after = 0;
        loop {
            let page = store.event_page(run, after, PAGE).await?;
            let Some(last) = page.events.last() else { return };
            after = last.seq;
            let mut text = Vec::new();
            for event in &page.events {
                let json = serde_json::to_writer(&mut text, &**event);
                json.map_err(|error| Error::Corrupt { what: "event", why: error.to_string() })?;
                text.push(b'\n');
            }
            yield Bytes::from(text);
        }
    }
}
