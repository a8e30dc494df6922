//! What the dispatcher asks: who waits, who works, and which batches hold their runs back. None of it reads a
//! run's task; `runs_of_queue` holds all the columns.

use std::collections::HashMap;

use api::{
    Timestamp,
    id::{BatchId, RunId, TaskId},
    run::{RunState, wire_name},
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{batch, from_name, run, timestamp},
};

/// A run as the dispatcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// The run.
    pub id: RunId,
    /// Its task.
    pub task_id: TaskId,
    /// Its batch.
    pub batch_id: Option<BatchId>,
    /// Its repository, as it was asked for.
    pub repository: String,
    /// Higher goes first.
    pub priority: i32,
    /// Where it is in its life.
    pub state: RunState,
}

/// What holds the runs of a batch back.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchLimits {
    /// The batch.
    pub id: BatchId,
    /// How many of its runs may work at once.
    pub concurrency: Option<u32>,
    /// After how many failed targets no further run is begun.
    pub stop_after_failures: Option<u32>,
    /// What all its runs together may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// Why no further run is begun.
    pub stopped: Option<String>,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    task_id: Uuid,
    batch_id: Option<Uuid>,
    repository: String,
    priority: i32,
    state: String,
}

impl Store {
    /// The next runs of the queue: higher priority before lower, then older before newer.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn queue_list(&self, limit: u64) -> Result<Vec<QueueRow>, Error> {
        self.queue_rows(&[RunState::Queued], Some(limit)).await
    }

    /// The runs that have a place or wait for a person, of all backends.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn queue_list_working(&self) -> Result<Vec<QueueRow>, Error> {
        let live = [RunState::Starting, RunState::Running, RunState::Waiting, RunState::Stopping];
        self.queue_rows(&live, None).await
    }

    async fn queue_rows(&self, states: &[RunState], limit: Option<u64>) -> Result<Vec<QueueRow>, Error> {
        let columns = [
            run::Column::Id,
            run::Column::TaskId,
            run::Column::BatchId,
            run::Column::Repository,
            run::Column::Priority,
            run::Column::State,
        ];
        let rows = run::Entity::find()
            .select_only()
            .columns(columns)
            .filter(run::Column::State.is_in(states.iter().map(wire_name)))
            .order_by_desc(run::Column::Priority)
            .order_by_asc(run::Column::Id)
            .limit(limit)
            .into_model::<Row>()
            .all(&self.read)
            .await?;
        let whole = |row: Row| {
            Ok(QueueRow {
                id: RunId(row.id),
                task_id: TaskId(row.task_id),
                batch_id: row.batch_id.map(BatchId),
                repository: row.repository,
                priority: row.priority,
                state: from_name("run state", &row.state)?,
            })
        };
        rows.into_iter().map(whole).collect()
    }

    /// What holds the runs of these batches back.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn queue_batches(&self, ids: &[BatchId]) -> Result<HashMap<BatchId, BatchLimits>, Error> {
        let mut found = HashMap::new();
        // In pieces: a database takes only so many parameters.
        for ids in ids.chunks(1_000) {
            let find = batch::Entity::find().filter(batch::Column::Id.is_in(ids.iter().map(|id| id.0)));
            for row in find.all(&self.read).await? {
                let limits = BatchLimits {
                    id: BatchId(row.id),
                    concurrency: row.concurrency.map(i32::unsigned_abs),
                    stop_after_failures: row.stop_after_failures.map(i32::unsigned_abs),
                    budget_usd: row.budget_usd,
                    stopped: row.stopped,
                };
                found.insert(limits.id, limits);
            }
        }
        Ok(found)
    }

    /// Since when the oldest queued run waits.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn queue_oldest(&self) -> Result<Option<Timestamp>, Error> {
        let oldest: Option<i64> = run::Entity::find()
            .select_only()
            .column(run::Column::CreatedAt)
            .filter(run::Column::State.eq(wire_name(&RunState::Queued)))
            .order_by_asc(run::Column::Id)
            .limit(1)
            .into_tuple()
            .one(&self.read)
            .await?;
        Ok(oldest.map(timestamp))
    }
}
