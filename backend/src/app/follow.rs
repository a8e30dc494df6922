//! Following a run: read a page, wait for a wake-up, read the next page. The database is the stream.

pub(crate) mod pump;

use std::sync::Arc;

use api::{
    batch::Batch,
    id::{BatchId, RunId, TaskId},
    run::Run,
    stream::Frame,
};
use futures::Stream;
use serde::Serialize;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::{App, batches, verbs::Verb};
use crate::{
    caller::Caller,
    store::{Ahead, Error, EventPage, PageLimit, Partial, Store, StoredEvent},
};

/// A frame on its way out: the same JSON as a `Frame`, in which an event's text is passed on as it is stored.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Outgoing {
    /// The next event.
    Item {
        /// The event.
        event: Arc<StoredEvent>,
    },
    /// Any other frame.
    #[serde(untagged)]
    Other(Frame),
}

impl Outgoing {
    /// The frame as its reader sees it.
    ///
    /// # Errors
    /// `Corrupt` when the event is not one.
    pub fn frame(&self) -> Result<Frame, Error> {
        Ok(match self {
            Self::Item { event } => Frame::Item { event: event.event()? },
            Self::Other(frame) => frame.clone(),
        })
    }
}

/// A log that grows, as its follower sees it.
pub(crate) trait Log {
    /// Rings after each commit.
    fn wakeups(&self) -> watch::Receiver<()>;
    /// Tokens as they come.
    fn partials(&self) -> broadcast::Receiver<Partial>;
    /// The newest events after a number, if they are at hand.
    fn recent(&self, after: i64) -> Option<EventPage>;
    /// The events after a number, as the database has them.
    fn page(&self, after: i64, limit: PageLimit) -> impl Future<Output = Result<EventPage, Error>> + Send;
    /// Begins to read the events after a number, to be taken when those before are sent.
    fn ahead(&self, after: i64) -> Ahead;
    /// Whether the event of this number is the last one of its run.
    fn is_end(&self, seq: i64) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Whether the events were removed because they were old.
    fn is_removed(&self) -> impl Future<Output = Result<bool, Error>> + Send;
}

struct RunLog {
    store: Store,
    run: RunId,
}

impl Log for RunLog {
    fn wakeups(&self) -> watch::Receiver<()> {
        self.store.event_wakeups(self.run)
    }

    fn partials(&self) -> broadcast::Receiver<Partial> {
        self.store.partials(self.run)
    }

    fn recent(&self, after: i64) -> Option<EventPage> {
        self.store.event_recent(self.run, after)
    }

    async fn page(&self, after: i64, limit: PageLimit) -> Result<EventPage, Error> {
        self.store.event_page(self.run, after, limit).await
    }

    fn ahead(&self, after: i64) -> Ahead {
        self.store.event_ahead(self.run, after)
    }

    async fn is_end(&self, seq: i64) -> Result<bool, Error> {
        self.store.event_is_end(self.run, seq).await
    }

    async fn is_removed(&self) -> Result<bool, Error> {
        self.store.events_removed(self.run).await
    }
}

impl App {
    /// Follows a run: the number to begin after, and its events after that, each once and in order, then live; `End`
    /// when the run is over.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, or `Invalid` for a number that cannot be.
    pub async fn run_follow(
        &self,
        caller: &Caller,
        id: RunId,
        after: Option<i64>,
    ) -> Result<(i64, impl Stream<Item = Result<Outgoing, Error>> + use<>), super::Error> {
        Verb::RunsOnMessage.check(caller)?;
        let after = self.check_after(id, after).await?;
        Ok((after, follow(self.store.clone(), id, after)))
    }

    /// Runs as they change.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn run_changes(
        &self,
        caller: &Caller,
        task: Option<TaskId>,
        batch: Option<BatchId>,
    ) -> Result<impl Stream<Item = Run> + use<>, super::Error> {
        Verb::RunsOnChange.check(caller)?;
        Ok(changes(self.store.clone(), task, batch))
    }

    /// A batch, now and after each change, until all its runs are over.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub async fn batch_changes(
        &self,
        caller: &Caller,
        id: BatchId,
    ) -> Result<impl Stream<Item = Result<Batch, Error>> + use<>, super::Error> {
        Verb::BatchesOnChange.check(caller)?;
        self.batch(id).await?;
        Ok(batches::watch::changes(self.store.clone(), id))
    }
}

/// The run's events after `after`, each once and in order, then live; `End` when the run is over.
///
/// At most a page is kept in memory, so a restart, a slow reader or a thousand readers change nothing.
pub fn follow(store: Store, run: RunId, after: i64) -> impl Stream<Item = Result<Outgoing, Error>> {
    follow_log(RunLog { store, run }, after)
}

pub(crate) fn follow_log(log: impl Log, after: i64) -> impl Stream<Item = Result<Outgoing, Error>> {
    async_stream::try_stream! {
        let mut wakeups = log.wakeups();
        let mut partials = log.partials();
        let mut cursor = after;
        let mut caught_up = false;
        // Also when the last of them are still at hand.
        if log.is_removed().await? {
            yield Outgoing::Other(Frame::CaughtUp { seq: after });
            yield Outgoing::Other(Frame::End);
            return;
        }
        // A cursor at the very end of an ended run gets `End` at once.
        if 0 < after && log.is_end(after).await? {
            yield Outgoing::Other(Frame::CaughtUp { seq: after });
            yield Outgoing::Other(Frame::End);
            return;
        }
        let mut ahead = Ahead::default();
        loop {
            let page = match ahead.take().await {
                Some(page) => page,
                None => {
                    // Marked before reading: a write that lands during the read wakes it again.
                    wakeups.mark_unchanged();
                    match log.recent(cursor) {
                        Some(page) => page,
                        None => log.page(cursor, PageLimit::STREAM).await?,
                    }
                }
            };
            // Nothing, or not the next one: they may have been removed because they were old.
            if page.events.first().is_none_or(|first| first.seq != cursor + 1) && log.is_removed().await? {
                if !caught_up {
                    yield Outgoing::Other(Frame::CaughtUp { seq: cursor });
                }
                yield Outgoing::Other(Frame::End);
                return;
            }
            if let Some(last) = page.events.last().filter(|_| !page.is_last) {
                ahead = log.ahead(last.seq);
            }
            for event in page.events {
                cursor = event.seq;
                let is_end = event.is_end;
                yield Outgoing::Item { event };
                if is_end {
                    if !caught_up {
                        yield Outgoing::Other(Frame::CaughtUp { seq: cursor });
                    }
                    yield Outgoing::Other(Frame::End);
                    return;
                }
            }
            if !page.is_last {
                continue;
            }
            if !caught_up {
                caught_up = true;
                yield Outgoing::Other(Frame::CaughtUp { seq: cursor });
            }
            loop {
                tokio::select! {
                    biased;
                    woken = wakeups.changed() => match woken {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    partial = partials.recv() => match partial {
                        Ok(Partial { text, block }) => yield Outgoing::Other(Frame::Partial { text, block }),
                        // Tokens may be skipped; the whole text follows as an event.
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => partials = log.partials(),
                    },
                }
            }
        }
    }
}

/// Runs as they change; live only. Ends when this reader fell too far behind: then it looks at the list again.
fn changes(store: Store, task: Option<TaskId>, batch: Option<BatchId>) -> impl Stream<Item = Run> {
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
