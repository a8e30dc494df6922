//! Figures of everything that is stored, for `system.status` and Prometheus. Indexes hold them all.

use std::collections::BTreeMap;

use api::{
    Timestamp,
    id::RunId,
    run::{RunState, wire_name},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{micros, run, timestamp},
};

/// What there is.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Runs in each state, by its wire name.
    pub runs: BTreeMap<String, u64>,
    /// Runs that have ended: outcome, reason, how many.
    pub ended: Vec<(String, String, u64)>,
    /// Since when the oldest queued run waits.
    pub oldest_queued_at: Option<Timestamp>,
    /// Containers that live.
    pub instances: u64,
    /// Batches with runs that are not over.
    pub batches_active: u64,
    /// Events stored since the database was made, removed ones included.
    pub events_stored: u64,
}

impl Figures {
    /// How many runs are in this state.
    #[must_use]
    pub fn count(&self, state: &str) -> u64 {
        self.runs.get(state).copied().unwrap_or_default()
    }
}

impl Store {
    /// All figures.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn figures(&self) -> Result<Figures, Error> {
        let ended: Vec<(String, String, i64)> = run::Entity::find()
            .select_only()
            .columns([run::Column::Outcome, run::Column::Reason])
            .column_as(Expr::cust("COUNT(*)"), "n")
            .filter(run::Column::Outcome.is_not_null())
            .filter(run::Column::Reason.is_not_null())
            .group_by(run::Column::Outcome)
            .group_by(run::Column::Reason)
            .into_tuple()
            .all(&self.read)
            .await?;
        Ok(Figures {
            runs: self.run_counts().await?,
            ended: ended
                .into_iter()
                .map(|(outcome, reason, n)| (outcome, reason, n.unsigned_abs()))
                .collect(),
            oldest_queued_at: self.queue_oldest().await?,
            instances: self.instance_count_live().await?,
            batches_active: self.batches_active().await?,
            events_stored: self.events_stored().await?,
        })
    }

    async fn batches_active(&self) -> Result<u64, Error> {
        let live = RunState::ALL.iter().filter(|state| **state != RunState::Ended).map(wire_name);
        let count: Option<i64> = run::Entity::find()
            .select_only()
            .column_as(Expr::cust("COUNT(DISTINCT batch_id)"), "n")
            .filter(run::Column::State.is_in(live))
            .into_tuple()
            .one(&self.read)
            .await?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    /// The table's own counter: it does not go back when old events are removed.
    async fn events_stored(&self) -> Result<u64, Error> {
        let mut newest = Query::select();
        newest.expr(Expr::cust("MAX(id)")).from("run_events");
        let row = self.read.query_one(&newest).await?;
        let newest: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
        Ok(newest.unwrap_or_default().unsigned_abs())
    }

    /// The runs at work, oldest first, of which nothing but notices was heard since this moment.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn run_list_silent(&self, since: Timestamp, limit: u64) -> Result<Vec<RunId>, Error> {
        // Two looks at an index for each run at work, of which there are few.
        const LATEST: &str = "COALESCE((SELECT e.at FROM run_events e WHERE e.run_id = runs.id \
             AND e.kind <> 'notice' ORDER BY e.seq DESC LIMIT 1), 0)";
        let work = [RunState::Starting, RunState::Running, RunState::Stopping].map(|state| wire_name(&state));
        let rows: Vec<Uuid> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::State.is_in(work))
            .filter(Expr::cust(format!("{LATEST} < {}", micros(since))))
            .order_by_asc(run::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.read)
            .await?;
        Ok(rows.into_iter().map(RunId).collect())
    }

    /// The database's own clock; `None` where it has none, as `SQLite`.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn database_now(&self) -> Result<Option<Timestamp>, Error> {
        if self.read.get_database_backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let mut now = Query::select();
        now.expr(Expr::cust("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"));
        let row = self.read.query_one(&now).await?;
        let now: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(now.map(timestamp))
    }

    /// When the newest run was asked for.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn run_newest(&self) -> Result<Option<Timestamp>, Error> {
        let find = run::Entity::find().select_only().column(run::Column::CreatedAt);
        let at: Option<i64> =
            find.order_by_desc(run::Column::Id).limit(1).into_tuple().one(&self.read).await?;
        Ok(at.map(timestamp))
    }
}
