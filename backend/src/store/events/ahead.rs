//! Reading ahead: while a page is sent, the database works on the next one.
//!
//! A read that has begun is carried to its end by a task, so a reader that stands still holds no connection, only the
//! page. Few pages are held that way, and none with a long text; who finds no permit reads when it gets there.

use api::id::RunId;
use tokio::{sync::OwnedSemaphorePermit, task::JoinSet};

use super::{EventPage, PageLimit};
use crate::store::Store;

/// How many pages may be read ahead, of all readers together: 16 MiB.
pub(in crate::store) const PAGES: usize = 256;

/// A page on its way, or none.
#[derive(Debug, Default)]
pub(crate) struct Ahead(JoinSet<Option<(EventPage, OwnedSemaphorePermit)>>);

impl Ahead {
    /// The page that was begun; `None` when none was, or when it must be read in the ordinary way.
    pub(crate) async fn take(&mut self) -> Option<EventPage> {
        let (page, _permit) = self.0.join_next().await?.ok()??;
        Some(page).filter(|page| !page.events.is_empty())
    }
}

impl Store {
    /// Begins to read the events after number `after`.
    pub(crate) fn event_ahead(&self, run: RunId, after: i64) -> Ahead {
        let mut ahead = Ahead::default();
        if let Ok(permit) = self.ahead.clone().try_acquire_owned() {
            let store = self.clone();
            ahead.0.spawn(async move {
                let page = store.event_page_short(run, after, PageLimit::STREAM).await;
                Some((page.ok()?.0, permit))
            });
        }
        ahead
    }
}
