//! Batches: one task over many repositories.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    id::{BatchId, RunId, TaskId},
    run::{Cost, Outcome, Reason, RunState},
};

/// The most repositories of one batch.
pub const MAX_TARGETS: usize = 1_000;

/// A batch as it stands; its targets are frozen when it is created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// The task it came from.
    pub task_id: TaskId,
    /// The task's name when the batch was created.
    pub name: String,
    /// Who created it: the name of a token; `null` when it was created before owners were stored.
    #[serde(default)]
    pub owner: Option<String>,
    /// How many of its runs may work at once; `null` leaves it to the server's places.
    pub concurrency: Option<u32>,
    /// After how many failed runs no further one is begun; `null` is never.
    pub stop_after_failures: Option<u32>,
    /// What all its runs together may cost, in US dollars; `null` is no limit.
    pub budget_usd: Option<f64>,
    /// Whether any of its runs is not over yet.
    pub active: bool,
    /// Why no further run is begun, if it was cancelled or stopped.
    pub stopped: Option<String>,
    /// How many of its newest runs are in each state.
    pub states: BTreeMap<String, u64>,
    /// How many of its newest runs ended with each outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// What all its runs have cost so far, retried ones included.
    pub cost: Cost,
    /// One for each target: its newest run, in the order the targets were given.
    pub runs: Vec<BatchRun>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last run ended.
    pub ended_at: Option<Timestamp>,
}

/// A target of a batch and the newest run against it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BatchRun {
    /// The run.
    pub id: RunId,
    /// The target.
    pub repository: String,
    /// Where it is in its life.
    pub state: RunState,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Why it ended that way.
    pub reason: Option<Reason>,
    /// The branch its work is pushed to.
    pub branch: String,
    /// The newest commit that was pushed.
    pub head_commit: Option<String>,
    /// What it has cost so far.
    pub cost: Cost,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
