//! `runs`.

use api::{
    id::{BatchId, InstanceId, RunId, TaskId},
    instance::Denied,
    run::{Cost, Denials, Run},
};
use sea_orm::entity::prelude::*;

use super::{from_json, from_name, timestamp};
use crate::store::{Error, RunRecord, Work, denied_hosts};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "runs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub task_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub task: String,
    pub repository: String,
    pub git_ref: Option<String>,
    pub base_commit: Option<String>,
    pub branch: String,
    pub state: String,
    pub outcome: Option<String>,
    pub reason: Option<String>,
    pub detail: Option<String>,
    pub step: i32,
    pub attempt: i32,
    pub retry_of: Option<Uuid>,
    pub batch_id: Option<Uuid>,
    pub instance_id: Option<Uuid>,
    pub agent_session: Option<String>,
    pub model: Option<String>,
    pub cost_usd: f64,
    pub cost_known: bool,
    #[sea_orm(column_type = "Text")]
    pub usage: String,
    pub pull_request: Option<String>,
    pub head_commit: Option<String>,
    pub last_seq: i64,
    pub gate: Option<String>,
    pub version: i64,
    pub idempotency_key: Option<String>,
    /// What was asked with the key, as a hash.
    pub asked: Option<String>,
    pub cancel_requested: bool,
    pub execution: Option<String>,
    pub execution_n: i64,
    pub created_at: i64,
    pub started_at: Option<i64>,
    pub ended_at: Option<i64>,
    /// The backend that drives it.
    pub owner: Option<Uuid>,
    /// Who launched it.
    pub owned_by: Option<String>,
    pub lease_until: i64,
    pub fence: i64,
    pub priority: i32,
    pub auto_retries: i32,
    #[sea_orm(column_type = "Text")]
    pub artifacts: String,
    pub events_removed_at: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub egress_denied: String,
    #[sea_orm(column_type = "Text")]
    pub work: String,
    /// How much its events say, in bytes.
    pub log_bytes: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for RunRecord {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let work: Work = from_json("work of a run", &row.work)?;
        let refused: Vec<Denied> = from_json("denied hosts", &row.egress_denied)?;
        let run = Run {
            id: RunId(row.id),
            task_id: TaskId(row.task_id),
            task: from_json("task of a run", &row.task)?,
            repository: row.repository,
            r#ref: row.git_ref,
            base_commit: row.base_commit,
            branch: row.branch,
            state: from_name("run state", &row.state)?,
            outcome: row.outcome.as_deref().map(|name| from_name("outcome", name)).transpose()?,
            reason: row.reason.as_deref().map(|name| from_name("reason", name)).transpose()?,
            detail: row.detail,
            step: row.step.unsigned_abs(),
            attempt: row.attempt.unsigned_abs(),
            retry_of: row.retry_of.map(RunId),
            auto_retries: row.auto_retries.unsigned_abs(),
            batch_id: row.batch_id.map(BatchId),
            owner: row.owned_by,
            priority: row.priority,
            instance_id: row.instance_id.map(InstanceId),
            agent_session: row.agent_session,
            model: row.model,
            cost: Cost { usd: row.cost_usd, known: row.cost_known },
            usage: from_json("usage", &row.usage)?,
            pull_request: row
                .pull_request
                .as_deref()
                .map(|text| from_json("pull request", text))
                .transpose()?,
            head_commit: row.head_commit,
            last_seq: row.last_seq,
            gate: row.gate.as_deref().map(|text| from_json("gate", text)).transpose()?,
            artifacts: from_json("artifacts", &row.artifacts)?,
            not_committed: work.not_committed.clone(),
            denied: Denials { tools: work.denied_tools(), hosts: denied_hosts(&refused) },
            // Below 0 while they are being removed, see `retention`.
            events_removed_at: row.events_removed_at.map(|at| timestamp(at.saturating_abs())),
            version: row.version,
            created_at: timestamp(row.created_at),
            started_at: row.started_at.map(timestamp),
            ended_at: row.ended_at.map(timestamp),
        };
        Ok(Self {
            run,
            work,
            cancel_requested: row.cancel_requested,
            execution: row.execution,
            execution_n: row.execution_n.unsigned_abs(),
            fence: row.fence,
            log_bytes: row.log_bytes.unsigned_abs(),
        })
    }
}
