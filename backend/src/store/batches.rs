//! Batches: made whole, stopped for good, repeated in part.
//!
//! A batch, all its runs and the first event of each are one transaction: a crash leaves all of it or nothing.

mod budget;
mod rollup;

use api::{
    Timestamp,
    event::StateChange,
    id::{BatchId, RunId, TaskId},
    run::{Outcome, Run, RunState, wire_name},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

pub use self::budget::Held;
use super::{
    Error, OnceKey, Store,
    entity::{batch, micros, run, to_json},
    outbox, runs,
    writes::Transaction,
};

/// The most runs in one `INSERT`: about 45 columns each, and `SQLite` takes 32,766 parameters.
const ROWS: usize = 500;

/// The condition that no newer run of the same batch is against the same repository.
const NEWEST: &str = "NOT EXISTS (SELECT 1 FROM runs newer WHERE newer.batch_id = runs.batch_id \
     AND newer.repository = runs.repository AND newer.id > runs.id)";

/// A batch to be stored; its runs name it.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// Its id.
    pub id: BatchId,
    /// The task it came from.
    pub task_id: TaskId,
    /// The task's name.
    pub name: String,
    /// The repositories, in the order in which they were given.
    pub targets: Vec<String>,
    /// How many of its runs may work at once.
    pub concurrency: Option<u32>,
    /// After how many failed targets no further run is begun.
    pub stop_after_failures: Option<u32>,
    /// What all its runs together may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// Who creates it.
    pub owner: String,
}

impl Store {
    /// Stores a batch with its queued runs, or nothing. With an idempotency key that is known already, stores
    /// nothing and answers the batch that has it.
    ///
    /// # Errors
    /// `Database` when it cannot be written; `OtherRequest` when the key is that of another request.
    pub async fn batch_insert(
        &self,
        new: &NewBatch,
        runs: &[Run],
        key: Option<&OnceKey>,
    ) -> Result<BatchId, Error> {
        if let Some(known) = self.batch_by_key(key).await? {
            return Ok(known);
        }
        match self.try_insert(new, runs, key).await {
            Ok(()) => Ok(new.id),
            // Someone else may have come first with the same key.
            Err(error) => self.batch_by_key(key).await?.ok_or(error),
        }
    }

    async fn try_insert(&self, new: &NewBatch, runs: &[Run], key: Option<&OnceKey>) -> Result<(), Error> {
        let small = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let row = batch::ActiveModel {
            id: Set(new.id.0),
            task_id: Set(new.task_id.0),
            name: Set(new.name.clone()),
            targets: Set(to_json("targets of a batch", &new.targets)?),
            concurrency: Set(new.concurrency.map(small)),
            stop_after_failures: Set(new.stop_after_failures.map(small)),
            budget_usd: Set(new.budget_usd),
            stopped: Set(None),
            idempotency_key: Set(key.map(|key| key.name().to_owned())),
            asked: Set(key.and_then(OnceKey::asked).map(str::to_owned)),
            created_at: Set(micros(Timestamp::now())),
            dearest_usd: Set(None),
            unknown_accepted: Set(false),
            owned_by: Set(Some(new.owner.clone())),
        };
        let transaction = self.write.begin().await?;
        batch::Entity::insert(row).exec_without_returning(&transaction).await?;
        insert_runs(&transaction, runs, |_| None).await?;
        Ok(transaction.commit().await?)
    }

    /// The batch that was made with this key.
    ///
    /// # Errors
    /// `Database` when it cannot be read; `OtherRequest` when the key is that of another request.
    pub async fn batch_by_key(&self, key: Option<&OnceKey>) -> Result<Option<BatchId>, Error> {
        let Some(key) = key else { return Ok(None) };
        let find = batch::Entity::find().select_only().columns([batch::Column::Id, batch::Column::Asked]);
        let find = find.filter(batch::Column::IdempotencyKey.eq(key.name()));
        let known: Option<(Uuid, Option<String>)> = find.into_tuple().one(&self.read).await?;
        let Some((id, asked)) = known else { return Ok(None) };
        key.check(asked.as_deref())?;
        Ok(Some(BatchId(id)))
    }

    /// Adds runs that repeat others of a batch and lifts its stop, in one transaction. Answers `false`, and
    /// stores nothing, when one of them was repeated by somebody else before.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn batch_repeat(&self, id: BatchId, runs: &[Run]) -> Result<bool, Error> {
        let key = |run: &Run| run.retry_of.map(|old| OnceKey::own(format!("batch-retry-of-{old}")));
        let keys: Vec<String> = runs.iter().filter_map(key).map(|key| key.name().to_owned()).collect();
        match self.try_repeat(id, runs, key).await {
            Ok(()) => Ok(true),
            Err(error) => {
                let known = run::Entity::find().select_only().column(run::Column::Id);
                let known = known.filter(run::Column::IdempotencyKey.is_in(keys)).limit(1);
                let known: Option<Uuid> = known.into_tuple().one(&self.read).await?;
                known.map(|_| false).ok_or(error)
            }
        }
    }

    async fn try_repeat(
        &self,
        id: BatchId,
        runs: &[Run],
        key: impl Fn(&Run) -> Option<OnceKey> + Send,
    ) -> Result<(), Error> {
        let transaction = self.write.begin().await?;
        insert_runs(&transaction, runs, key).await?;
        set_stopped(id, None).exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Records that no further run of a batch is started, and why. With `cancel`, also that all its runs must
    /// stop; their drivers look at this also after a restart.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn batch_stop(&self, id: BatchId, why: &str, cancel: bool) -> Result<(), Error> {
        let transaction = self.write.begin().await?;
        set_stopped(id, Some(why)).exec(&transaction).await?;
        if cancel {
            run::Entity::update_many()
                .col_expr(run::Column::CancelRequested, Expr::value(true))
                .filter(run::Column::BatchId.eq(id.0))
                .filter(run::Column::State.ne(wire_name(&RunState::Ended)))
                .exec(&transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The runs of a batch that are not over, oldest first.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn batch_list_active(&self, id: BatchId) -> Result<Vec<(RunId, RunState)>, Error> {
        let rows: Vec<(Uuid, String)> = run::Entity::find()
            .select_only()
            .columns([run::Column::Id, run::Column::State])
            .filter(run::Column::BatchId.eq(id.0))
            .filter(run::Column::State.ne(wire_name(&RunState::Ended)))
            .order_by_asc(run::Column::Id)
            .into_tuple()
            .all(&self.read)
            .await?;
        let read =
            |(id, state): (Uuid, String)| Ok((RunId(id), super::entity::from_name("run state", &state)?));
        rows.into_iter().map(read).collect()
    }

    /// How many targets of a batch have failed: their newest run ended `failed` or `lost`.
    ///
    /// # Errors
    /// `Database` when they cannot be counted.
    pub async fn batch_failures(&self, id: BatchId) -> Result<u64, Error> {
        let bad = [Outcome::Failed, Outcome::Lost].map(|outcome| wire_name(&outcome));
        let count: Option<i64> = run::Entity::find()
            .select_only()
            .column_as(run::Column::Id.count(), "n")
            .filter(run::Column::BatchId.eq(id.0))
            .filter(run::Column::Outcome.is_in(bad))
            .filter(Expr::cust(NEWEST))
            .into_tuple()
            .one(&self.read)
            .await?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    /// The runs of a batch that wait at a gate.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn batch_list_waiting(&self, id: BatchId) -> Result<Vec<RunId>, Error> {
        let rows: Vec<Uuid> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::BatchId.eq(id.0))
            .filter(run::Column::State.eq(wire_name(&RunState::Waiting)))
            .into_tuple()
            .all(&self.read)
            .await?;
        Ok(rows.into_iter().map(RunId).collect())
    }

    /// Whether one of these runs is of this batch.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn batch_has_any(&self, id: BatchId, runs: &[RunId]) -> Result<bool, Error> {
        let ids = Condition::all()
            .add(run::Column::BatchId.eq(id.0))
            .add(run::Column::Id.is_in(runs.iter().map(|run| run.0)));
        let find = run::Entity::find().select_only().column(run::Column::Id).filter(ids).limit(1);
        let found: Option<Uuid> = find.into_tuple().one(&self.read).await?;
        Ok(found.is_some())
    }
}

/// What is known of the cost of some runs.
const SPENT: &str = "COALESCE(SUM(cost_usd), 0.0)";
/// How many of them have cost something unknown.
const UNKNOWN: &str = "COALESCE(SUM(CASE WHEN cost_known THEN 0 ELSE 1 END), 0)";

fn set_stopped(id: BatchId, why: Option<&str>) -> sea_orm::UpdateMany<batch::Entity> {
    batch::Entity::update_many()
        .col_expr(batch::Column::Stopped, Expr::value(why.map(str::to_owned)))
        .filter(batch::Column::Id.eq(id.0))
}

/// Stores queued runs, each with its first event.
pub(super) async fn insert_runs(
    transaction: &Transaction,
    runs: &[Run],
    key: impl Fn(&Run) -> Option<OnceKey> + Send,
) -> Result<(), Error> {
    let first = StateChange { state: RunState::Queued, outcome: None, reason: None, detail: None };
    let first = to_json("event", &first)?;
    for chunk in runs.chunks(ROWS) {
        let mut rows = Vec::with_capacity(chunk.len());
        let mut states = Vec::with_capacity(chunk.len());
        let mut events = Query::insert();
        events.into_table("run_events").columns(["run_id", "seq", "at", "kind", "data"]);
        for run in chunk {
            let mut row = runs::row(run, key(run).as_ref())?;
            row.last_seq = Set(1);
            rows.push(row);
            let at = micros(run.created_at);
            states.push(outbox::Change { run: run.id, seq: 1, at });
            events.values_panic([
                run.id.0.into(),
                1_i64.into(),
                at.into(),
                "state".into(),
                first.clone().into(),
            ]);
        }
        run::Entity::insert_many(rows).exec_without_returning(transaction).await?;
        transaction.execute(&events).await?;
        outbox::insert(transaction, &states).await?;
    }
    Ok(())
}
