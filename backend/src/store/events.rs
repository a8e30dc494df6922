//! The log of a run: pages after a number, and the bell that says when to look again.

use api::{event::Event, id::RunId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::{broadcast, watch};

use super::{Error, Partial, Store, entity::run_event};

impl Store {
    /// At most `limit` events after number `after`, in order.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn event_list(&self, run: RunId, after: i64, limit: u64) -> Result<Vec<Event>, Error> {
        let rows = run_event::Entity::find()
            .filter(run_event::Column::RunId.eq(run.0))
            .filter(run_event::Column::Seq.gt(after))
            .order_by_asc(run_event::Column::Seq)
            .limit(limit)
            .all(&self.read)
            .await?;
        rows.into_iter().map(Event::try_from).collect()
    }

    /// Rings after each commit that added events to this run. Mark it heard before reading, not after.
    #[must_use]
    pub fn event_bell(&self, run: RunId) -> watch::Receiver<()> {
        self.bells.run_events(run)
    }

    /// Tokens of this run as they come; live only.
    #[must_use]
    pub fn partials(&self, run: RunId) -> broadcast::Receiver<Partial> {
        self.bells.run_partials(run)
    }

    /// Passes tokens on to whoever listens now.
    pub fn partial_send(&self, run: RunId, partial: Partial) {
        self.bells.send_partial(run, partial);
    }
}
