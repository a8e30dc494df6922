//! `GET /api/runs/{id}/log`: all events of a run so far as NDJSON, read and sent page by page.

use axum::{
    Extension,
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
    app::{
        App, RunLog,
        follow::pump::{PATIENCE, Untaken},
    },
    caller::Caller,
    store::{Error, EventPage},
};

pub(super) async fn log(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = run_id(&id)?;
    let log = app.run_log(&caller, id).await.map_err(refuse)?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"run-{id}.ndjson\"")),
    ];
    if log.is_removed {
        return Ok((headers, Body::empty()).into_response());
    }
    let (pieces, body) = pieces::body(1, PATIENCE);
    app.tasks.clone().spawn("log", move |stop| async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = download(log, pieces) => {}
        }
    });
    Ok((headers, body).into_response())
}

/// Sends a log, unless its reader is too slow or gone.
async fn download(log: RunLog, pieces: Pieces) {
    match send(|after| log.page(after), &pieces).await {
        Ok(()) => pieces.finish(None).await,
        Err(Untaken::Late | Untaken::Gone) => {}
        Err(Untaken::Unreadable(error)) => {
            tracing::warn!(%error, "a download of a log is broken off");
        }
    }
}

/// A page at a time, to the end.
async fn send<F>(page: impl Fn(i64) -> F, pieces: &Pieces) -> Result<(), Untaken>
where
    F: Future<Output = Result<EventPage, Error>>,
{
    let mut after = 0;
    loop {
        let page = page(after).await?;
        let Some(last) = page.events.last() else { return Ok(()) };
        after = last.seq;
        let mut lines = Vec::new();
        for event in page.events {
            if event.is_large() {
                // As below, without another copy of the text.
                pieces.offer(std::mem::take(&mut lines).into()).await?;
                pieces.offer_long(event.text(), || event.is_wanted()).await?;
            } else {
                let json = serde_json::to_writer(&mut lines, &*event);
                json.map_err(|error| Error::Corrupt { what: "event", why: error.to_string() })?;
            }
            lines.push(b'\n');
        }
        pieces.offer(lines.into()).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use api::event::Event;
    use futures::future::ready;

    use super::*;

    /// A page of notices, the first of which has this number, whose texts have so many bytes.
    fn page(first: i64, bytes: &[usize]) -> EventPage {
        let event = |(seq, bytes): (i64, &usize)| {
            let text = "x".repeat(*bytes);
            Arc::new(format!(r#"{seq} 0 1 notice {{"about":"test","text":"{text}"}}"#).parse().unwrap())
        };
        EventPage { events: (first..).zip(bytes).map(event).collect(), is_last: false }
    }

    #[tokio::test]
    async fn every_event_of_a_page_is_sent_however_long_it_is() {
        let pages = [
            page(1, &[1, 65_500]),
            page(3, &[65_500, 1]),
            page(5, &[1, 65_500, 1, 1 << 20, 65_500, 65_500, 2]),
            EventPage::default(),
        ];
        let firsts = [0, 2, 4, 11];
        let read = |after| {
            ready(Ok(EventPage {
                events: pages[firsts.iter().position(|first| *first == after).unwrap()].events.clone(),
                is_last: false,
            }))
        };
        let (pieces, body) = pieces::body(1, Duration::from_secs(60));
        let sending = async {
            send(read, &pieces).await.unwrap();
            pieces.finish(None).await;
        };
        let (body, ()) = tokio::join!(axum::body::to_bytes(body, usize::MAX), sending);
        let text = String::from_utf8(body.unwrap().to_vec()).unwrap();
        let seqs = text.lines().map(|line| serde_json::from_str::<Event>(line).unwrap().seq);
        assert_eq!(seqs.collect::<Vec<_>>(), (1..=11).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn nothing_more_is_read_for_a_reader_that_is_gone() {
        for bytes in [10, 1 << 20] {
            let reads = AtomicUsize::new(0);
            let endless = |after: i64| {
                reads.fetch_add(1, Ordering::SeqCst);
                ready(Ok(page(after + 1, &[bytes])))
            };
            let (pieces, body) = pieces::body(1, Duration::from_secs(60));
            drop(body);
            assert!(matches!(send(endless, &pieces).await, Err(Untaken::Gone)));
            assert_eq!(reads.load(Ordering::SeqCst), 1);
        }
    }
}
