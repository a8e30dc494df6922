//! How batches stand: counts by state and outcome, cost, and the newest run of each target.

use std::collections::{BTreeMap, HashMap};

use api::{
    batch::{Batch, BatchRun},
    id::{BatchId, RunId, TaskId},
    page::Page,
    run::{Cost, Outcome, RunState},
};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{NEWEST, SPENT, UNKNOWN};
use crate::store::{
    Error, Store,
    entity::{batch, from_json, from_name, run, timestamp},
    runs::page,
};

/// Newest runs of a batch that are alike.
#[derive(FromQueryResult)]
struct Alike {
    batch_id: Uuid,
    state: String,
    outcome: Option<String>,
    n: i64,
    ended_at: Option<i64>,
}

/// The newest run of a target, as its columns hold it.
#[derive(FromQueryResult)]
struct Newest {
    id: Uuid,
    repository: String,
    state: String,
    outcome: Option<String>,
    reason: Option<String>,
    branch: String,
    head_commit: Option<String>,
    cost_usd: f64,
    cost_known: bool,
    ended_at: Option<i64>,
}

impl Store {
    /// One batch, with the newest run of each target.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn batch_fetch(&self, id: BatchId) -> Result<Option<Batch>, Error> {
        let Some(row) = batch::Entity::find_by_id(id.0).one(&self.read).await? else { return Ok(None) };
        let targets: Vec<String> = from_json("targets of a batch", &row.targets)?;
        let mut found: HashMap<String, BatchRun> = HashMap::new();
        for run in self.newest(id).await? {
            found.insert(run.repository.clone(), run.try_into()?);
        }
        let cost = self.costs(&[id.0]).await?.remove(&id.0);
        let mut batch = empty(row, cost);
        batch.runs = targets.iter().filter_map(|target| found.remove(target)).collect();
        for run in std::mem::take(&mut batch.runs) {
            let outcome = run.outcome.map(|outcome| api::run::wire_name(&outcome));
            let ended_at = run.ended_at.map(crate::store::entity::micros);
            count(&mut batch, &api::run::wire_name(&run.state), outcome, 1, ended_at);
            batch.runs.push(run);
        }
        Ok(Some(finished(batch)))
    }

    async fn newest(&self, id: BatchId) -> Result<Vec<Newest>, Error> {
        let columns = [
            run::Column::Id,
            run::Column::Repository,
            run::Column::State,
            run::Column::Outcome,
            run::Column::Reason,
            run::Column::Branch,
            run::Column::HeadCommit,
            run::Column::CostUsd,
            run::Column::CostKnown,
            run::Column::EndedAt,
        ];
        let find = run::Entity::find().select_only().columns(columns);
        let find = find.filter(run::Column::BatchId.eq(id.0)).filter(Expr::cust(NEWEST));
        Ok(find.into_model::<Newest>().all(&self.read).await?)
    }

    /// Batches, newest first, without their runs.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn batch_list(
        &self,
        task: Option<TaskId>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<Batch>, Error> {
        let find = batch::Entity::find()
            .apply_if(task, |find, id| find.filter(batch::Column::TaskId.eq(id.0)))
            .apply_if(before, |find, before| find.filter(batch::Column::Id.lt(before)));
        let rows = find.order_by_desc(batch::Column::Id).limit(u64::from(limit) + 1).all(&self.read).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let mut costs = self.costs(&ids).await?;
        let mut alike: HashMap<Uuid, Vec<Alike>> = HashMap::new();
        for row in self.alike(&ids).await? {
            alike.entry(row.batch_id).or_default().push(row);
        }
        let whole = |row: batch::Model| {
            let (id, cost) = (row.id, costs.remove(&row.id));
            let mut batch = empty(row, cost);
            for row in alike.remove(&id).unwrap_or_default() {
                count(&mut batch, &row.state, row.outcome, row.n.unsigned_abs(), row.ended_at);
            }
            finished(batch)
        };
        Ok(page(rows.into_iter().map(whole).collect(), limit, |batch| batch.id.to_string()))
    }

    async fn alike(&self, ids: &[Uuid]) -> Result<Vec<Alike>, Error> {
        let find = run::Entity::find()
            .select_only()
            .columns([run::Column::BatchId, run::Column::State, run::Column::Outcome])
            .column_as(run::Column::Id.count(), "n")
            .column_as(run::Column::EndedAt.max(), "ended_at")
            .filter(run::Column::BatchId.is_in(ids.iter().copied()))
            .filter(Expr::cust(NEWEST))
            .group_by(run::Column::BatchId)
            .group_by(run::Column::State)
            .group_by(run::Column::Outcome);
        Ok(find.into_model::<Alike>().all(&self.read).await?)
    }

    /// What all runs of these batches have cost, retried ones included.
    async fn costs(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Cost>, Error> {
        let rows: Vec<(Uuid, f64, i64)> = run::Entity::find()
            .select_only()
            .column(run::Column::BatchId)
            .column_as(Expr::cust(SPENT), "spent")
            .column_as(Expr::cust(UNKNOWN), "unknown")
            .filter(run::Column::BatchId.is_in(ids.iter().copied()))
            .group_by(run::Column::BatchId)
            .into_tuple()
            .all(&self.read)
            .await?;
        Ok(rows.into_iter().map(|(id, usd, unknown)| (id, Cost { usd, known: unknown == 0 })).collect())
    }
}

/// A batch before its runs are counted.
fn empty(row: batch::Model, cost: Option<Cost>) -> Batch {
    Batch {
        id: BatchId(row.id),
        task_id: TaskId(row.task_id),
        owner: row.owned_by,
        name: row.name,
        concurrency: row.concurrency.map(i32::unsigned_abs),
        stop_after_failures: row.stop_after_failures.map(i32::unsigned_abs),
        budget_usd: row.budget_usd,
        active: false,
        stopped: row.stopped,
        states: BTreeMap::new(),
        outcomes: BTreeMap::new(),
        cost: cost.unwrap_or(Cost { usd: 0.0, known: true }),
        runs: Vec::new(),
        created_at: timestamp(row.created_at),
        ended_at: None,
    }
}

fn count(batch: &mut Batch, state: &str, outcome: Option<String>, n: u64, ended_at: Option<i64>) {
    batch.active |= state != api::run::wire_name(&RunState::Ended);
    *batch.states.entry(state.to_owned()).or_default() += n;
    if let Some(outcome) = outcome {
        *batch.outcomes.entry(outcome).or_default() += n;
    }
    batch.ended_at = batch.ended_at.max(ended_at.map(timestamp));
}

/// A batch whose runs are counted: while one is not over, it has not ended.
fn finished(mut batch: Batch) -> Batch {
    batch.ended_at = batch.ended_at.filter(|_| !batch.active);
    batch
}

impl TryFrom<Newest> for BatchRun {
    type Error = Error;

    fn try_from(row: Newest) -> Result<Self, Error> {
        let outcome = |name: &str| from_name::<Outcome>("outcome", name);
        Ok(Self {
            id: RunId(row.id),
            repository: row.repository,
            state: from_name("run state", &row.state)?,
            outcome: row.outcome.as_deref().map(outcome).transpose()?,
            reason: row.reason.as_deref().map(|name| from_name("reason", name)).transpose()?,
            branch: row.branch,
            head_commit: row.head_commit,
            cost: Cost { usd: row.cost_usd, known: row.cost_known },
            ended_at: row.ended_at.map(timestamp),
        })
    }
}
