//! Runs: insert, find, list, count. Changes go through the writer.

use std::collections::BTreeMap;

use api::{
    id::{BatchId, InstanceId, RunId, TaskId},
    page::Page,
    run::{Outcome, Run, RunState, wire_name},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Expr,
};
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    Bounded, Error, OnceKey, RunRecord, Store, Written,
    entity::{from_name, micros, run, to_json},
};

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this task.
    pub task_id: Option<TaskId>,
    /// Of this batch.
    pub batch_id: Option<BatchId>,
    /// In this state.
    pub state: Option<RunState>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Against this repository.
    pub repository: Option<String>,
}

/// Cuts one item more than was asked for down to a page.
pub(super) fn page<T>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Page<T> {
    let more = (limit as usize) < items.len();
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(cursor);
    Page { items, next }
}

/// How many runs are read at once, and after how many bytes of their tasks a page ends.
const SOME: usize = 20;
const LIST_BYTES: usize = 8 << 20;

/// A run of a list. One that cannot be read is left out: it must not hide the others.
fn readable(row: run::Model) -> Option<Run> {
    let id = row.id;
    match RunRecord::try_from(row) {
        Ok(record) => Some(record.run),
        Err(error) => {
            tracing::error!(run.id = %id, %error, "a run cannot be read, and is left out of a list");
            None
        }
    }
}

/// The row of a queued run.
pub(super) fn row(run: &Run, key: Option<&OnceKey>) -> Result<run::ActiveModel, Error> {
    Ok(run::ActiveModel {
        id: Set(run.id.0),
        task_id: Set(run.task_id.0),
        task: Set(to_json("task of a run", &run.task)?),
        repository: Set(run.repository.clone()),
        git_ref: Set(run.r#ref.clone()),
        branch: Set(run.branch.clone()),
        state: Set(wire_name(&run.state)),
        step: Set(0),
        attempt: Set(0),
        retry_of: Set(run.retry_of.map(|id| id.0)),
        batch_id: Set(run.batch_id.map(|id| id.0)),
        owned_by: Set(run.owner.clone()),
        priority: Set(run.priority),
        auto_retries: Set(i32::try_from(run.auto_retries).unwrap_or(i32::MAX)),
        artifacts: Set("[]".to_owned()),
        egress_denied: Set("[]".to_owned()),
        work: Set("{}".to_owned()),
        log_bytes: Set(0),
        lease_until: Set(0),
        fence: Set(0),
        model: Set(run.model.clone()),
        cost_usd: Set(run.cost.usd),
        cost_known: Set(run.cost.known),
        usage: Set(to_json("usage", &run.usage)?),
        last_seq: Set(0),
        version: Set(1),
        idempotency_key: Set(key.map(|key| key.name().to_owned())),
        asked: Set(key.and_then(OnceKey::asked).map(str::to_owned)),
        cancel_requested: Set(false),
        execution_n: Set(0),
        created_at: Set(micros(run.created_at)),
        base_commit: NotSet,
        outcome: NotSet,
        reason: NotSet,
        detail: NotSet,
        instance_id: NotSet,
        agent_session: NotSet,
        pull_request: NotSet,
        head_commit: NotSet,
        gate: NotSet,
        execution: NotSet,
        started_at: NotSet,
        ended_at: NotSet,
        owner: NotSet,
        events_removed_at: NotSet,
    })
}

impl Store {
    /// Stores a queued run with its first event, or nothing. With an idempotency key that is known already,
    /// stores nothing and answers the run that has it.
    ///
    /// # Errors
    /// `Database` when it cannot be written; `OtherRequest` when the key is that of another request.
    pub async fn run_queue(&self, run: &Run, key: Option<&OnceKey>) -> Result<Run, Error> {
        if let Some(known) = self.run_by_key(key).await? {
            return Ok(known);
        }
        match self.try_queue(run, key).await {
            Ok(()) => Ok(run.clone()),
            // Someone else may have come first with the same key.
            Err(error) => self.run_by_key(key).await?.ok_or(error),
        }
    }

    async fn try_queue(&self, run: &Run, key: Option<&OnceKey>) -> Result<(), Error> {
        let transaction = self.write.begin().await?;
        let key = key.cloned();
        super::batches::insert_runs(&transaction, std::slice::from_ref(run), |_| key.clone()).await?;
        super::remote::announce(&transaction, self.origin, std::iter::once(run.id)).await?;
        Ok(transaction.commit().await?)
    }

    /// Stores a run that has no event yet, for tests and benchmarks that write its events themselves.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn run_insert(&self, run: &Run, key: Option<&OnceKey>) -> Result<Run, Error> {
        if let Some(known) = self.run_by_key(key).await? {
            return Ok(known);
        }
        let row = row(run, key)?;
        match run::Entity::insert(row).exec_without_returning(&self.write).await {
            Ok(_) => Ok(run.clone()),
            // Someone else may have come first with the same key.
            Err(error) => self.run_by_key(key).await?.ok_or(Error::Database(error)),
        }
    }

    async fn run_by_key(&self, key: Option<&OnceKey>) -> Result<Option<Run>, Error> {
        let Some(key) = key else { return Ok(None) };
        let find = run::Entity::find().filter(run::Column::IdempotencyKey.eq(key.name()));
        let Some(row) = find.one(&self.read).await? else { return Ok(None) };
        key.check(row.asked.as_deref())?;
        Ok(Some(RunRecord::try_from(row)?.run))
    }

    /// One run, with what its driver needs.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn run_record(&self, id: RunId) -> Result<Option<RunRecord>, Error> {
        run::Entity::find_by_id(id.0).one(&self.read).await?.map(RunRecord::try_from).transpose()
    }

    /// One run.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn run_fetch(&self, id: RunId) -> Result<Option<Run>, Error> {
        Ok(self.run_record(id).await?.map(|record| record.run))
    }

    /// Where one run is in its life, and its container: what must be known also of a run whose record cannot be read.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn run_state(&self, id: RunId) -> Result<Option<(RunState, Option<InstanceId>)>, Error> {
        let find = run::Entity::find_by_id(id.0).select_only();
        let find = find.column(run::Column::State).column(run::Column::InstanceId);
        let row: Option<(String, Option<Uuid>)> = find.into_tuple().one(&self.read).await?;
        row.map(|(state, instance)| Ok((from_name("run state", &state)?, instance.map(InstanceId))))
            .transpose()
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn run_list(
        &self,
        filter: &RunFilter,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<Run>, Error> {
        let find = |before: Option<Uuid>| {
            run::Entity::find()
                .apply_if(filter.task_id, |find, id| find.filter(run::Column::TaskId.eq(id.0)))
                .apply_if(filter.batch_id, |find, id| find.filter(run::Column::BatchId.eq(id.0)))
                .apply_if(filter.state, |find, state| find.filter(run::Column::State.eq(wire_name(&state))))
                .apply_if(filter.outcome, |find, outcome| {
                    find.filter(run::Column::Outcome.eq(wire_name(&outcome)))
                })
                .apply_if(filter.repository.as_ref(), |find, url| {
                    find.filter(run::Column::Repository.eq(url))
                })
                .apply_if(before, |find, before| find.filter(run::Column::Id.lt(before)))
        };
        let (mut items, mut bytes, mut left) = (Vec::new(), 0, limit as usize);
        let mut last = before;
        while 0 < left && bytes < LIST_BYTES {
            let some = left.min(SOME);
            let find = find(last).order_by_desc(run::Column::Id).limit(some as u64 + 1);
            let mut rows = find.all(&self.read).await?;
            let more = some < rows.len();
            rows.truncate(some);
            left -= rows.len();
            bytes += rows.iter().map(|row| row.task.len()).sum::<usize>();
            last = rows.last().map(|row| row.id).or(last);
            items.extend(rows.into_iter().filter_map(readable));
            if !more {
                return Ok(Page { items, next: None });
            }
        }
        Ok(Page { items, next: last.map(|last| last.to_string()) })
    }

    /// How many runs are in each state, by the state's wire name.
    ///
    /// # Errors
    /// `Database` when they cannot be counted.
    pub async fn run_counts(&self) -> Result<BTreeMap<String, u64>, Error> {
        let rows: Vec<(String, i64)> = run::Entity::find()
            .select_only()
            .column(run::Column::State)
            .column_as(run::Column::Id.count(), "n")
            .group_by(run::Column::State)
            .into_tuple()
            .all(&self.read)
            .await?;
        Ok(rows.into_iter().map(|(state, count)| (state, count.unsigned_abs())).collect())
    }

    /// Records that a run must stop; its driver looks at this also after a restart.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn run_request_cancel(&self, id: RunId) -> Result<(), Error> {
        run::Entity::update_many()
            .col_expr(run::Column::CancelRequested, Expr::value(true))
            .filter(run::Column::Id.eq(id.0))
            .exec(&self.write)
            .await?;
        Ok(())
    }

    /// Writes a change to a run. Returns when it is committed.
    ///
    /// # Errors
    /// `Illegal` when the state does not allow it, `Missing` when there is no such run, `Database` when the
    /// group it was in could not be committed: nothing of it is written then.
    pub async fn run_write(&self, write: impl Into<Bounded>) -> Result<Written, Error> {
        self.writer.write(write.into().into_inner()).await
    }

    /// The ids of runs as they change; live only.
    #[must_use]
    pub fn run_changes(&self) -> broadcast::Receiver<RunId> {
        self.wakeups.changes()
    }

    /// Tells the watchers of the list that this run has changed.
    pub fn run_changed(&self, id: RunId) {
        self.wakeups.notify_change(id);
    }
}
