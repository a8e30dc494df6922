//! Following a run: a page, the bell, a page. The database is the stream.

use api::{
    event::Event,
    id::{BatchId, RunId, TaskId},
    run::Run,
    stream::Frame,
};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;

use crate::store::{Error, Partial, Store};

/// How many events are read at once: bounds the memory of one reader.
const PAGE: u64 = 256;

/// The run's events after `after`, each once and in order, then live; `End` when the run is over.
///
/// Nothing is kept in memory between pages, so a restart, a slow reader or a thousand readers change nothing.
pub fn follow(store: Store, run: RunId, after: i64) -> impl Stream<Item = Result<Frame, Error>> {
    async_stream::try_stream! {
        let mut bell = store.event_bell(run);
        let mut partials = store.partials(run);
        let mut cursor = after;
        let mut caught_up = false;
        // A cursor at the very end of an ended run gets `End` at once.
        if 0 < after && store.event_list(run, after - 1, 1).await?.first().is_some_and(|last| last.body.is_end()) {
            yield Frame::CaughtUp { seq: after };
            yield Frame::End;
            return;
        }
        loop {
            // Heard before reading: a write that lands during the read rings it again.
            bell.mark_unchanged();
            let page: Vec<Event> = store.event_list(run, cursor, PAGE).await?;
            // Nothing, or not the next one: they may have been removed because they were old.
            if page.first().is_none_or(|first| first.seq != cursor + 1) && store.events_removed(run).await? {
                if !caught_up {
                    yield Frame::CaughtUp { seq: cursor };
                }
                yield Frame::End;
                return;
            }
            let full = page.len() as u64 == PAGE;
            for event in page {
                cursor = event.seq;
                let is_end = event.body.is_end();
                yield Frame::Item { event };
                if is_end {
                    if !caught_up {
                        yield Frame::CaughtUp { seq: cursor };
                    }
                    yield Frame::End;
                    return;
                }
            }
            if full {
                continue;
            }
            if !caught_up {
                caught_up = true;
                yield Frame::CaughtUp { seq: cursor };
            }
            loop {
                tokio::select! {
                    biased;
                    rung = bell.changed() => match rung {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    partial = partials.recv() => match partial {
                        Ok(Partial { text, block }) => yield Frame::Partial { text, block },
                        // Tokens may be skipped; the whole text follows as an event.
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => partials = store.partials(run),
                    },
                }
            }
        }
    }
}

/// Runs as they change; live only. Ends when this reader fell too far behind: then it looks at the list again.
pub fn changes(store: Store, task: Option<TaskId>, batch: Option<BatchId>) -> impl Stream<Item = Run> {
    async_stream::stream! {
        let mut changed = store.run_changes();
        while let Ok(id) = changed.recv().await {
            let Ok(Some(run)) = store.run_fetch(id).await else { continue };
            let of_task = task.is_none_or(|task| run.task_id == task);
            let of_batch = batch.is_none_or(|batch| run.batch_id == Some(batch));
            if of_task && of_batch {
                yield run;
            }
        }
    }
}
