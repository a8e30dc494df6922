//! Runs: one attempt at a task.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    id::{BatchId, InstanceId, RunId, TaskId},
    task::TaskSpec,
};

mod gate;
mod kept;
mod reason;
mod state;

pub use gate::{Gate, GateKind};
pub use kept::{Artifact, Denials, DeniedHost, DeniedTool, NotCommitted};
pub use reason::{Outcome, Reason};
pub use state::{Illegal, RunState, Transition};

/// One attempt at a task against one repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The task it came from.
    pub task_id: TaskId,
    /// The task as it was when the run was created.
    pub task: TaskSpec,
    /// The repository, as it was asked for.
    pub repository: String,
    /// The branch, tag or commit to start from; `null` is the default branch.
    pub r#ref: Option<String>,
    /// The commit the run started from.
    pub base_commit: Option<String>,
    /// The branch its work is pushed to.
    pub branch: String,
    /// Where it is in its life.
    pub state: RunState,
    /// How it ended; only when ended.
    pub outcome: Option<Outcome>,
    /// Why it ended that way; only when ended.
    pub reason: Option<Reason>,
    /// What happened and what to do, in a sentence.
    pub detail: Option<String>,
    /// The step at work, from 1; 0 before the first.
    pub step: u32,
    /// The attempt at this step, from 1: a failed check is given back to the agent.
    pub attempt: u32,
    /// The run this one tries again.
    pub retry_of: Option<RunId>,
    /// How many runs before this one, tried again by the server itself, led to it.
    pub auto_retries: u32,
    /// The batch it belongs to.
    pub batch_id: Option<BatchId>,
    /// Who launched it: the name of a token; `null` when it was launched before owners were stored.
    #[serde(default)]
    pub owner: Option<String>,
    /// Which runs of the queue go first: higher before lower, 0 unless asked for.
    pub priority: i32,
    /// The container it works in.
    pub instance_id: Option<InstanceId>,
    /// The agent's own session id.
    pub agent_session: Option<String>,
    /// The model that answers, once known.
    pub model: Option<String>,
    /// What it has cost so far.
    pub cost: Cost,
    /// Tokens so far.
    pub usage: Usage,
    /// The pull request, if one was made.
    pub pull_request: Option<PullRequest>,
    /// The newest commit that was pushed.
    pub head_commit: Option<String>,
    /// The number of its newest event.
    pub last_seq: i64,
    /// What the run waits for, while it is `waiting`.
    pub gate: Option<Gate>,
    /// What was kept of it beside its events and its branch.
    pub artifacts: Vec<Artifact>,
    /// Files of its workspace that are in no commit, as of its newest commit or its end.
    #[serde(default)]
    pub not_committed: Vec<NotCommitted>,
    /// What it was denied.
    #[serde(default)]
    pub denied: Denials,
    /// When its events were removed because they were older than the server keeps them.
    pub events_removed_at: Option<Timestamp>,
    /// Counts changes.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it left the queue.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Run {
    /// A run that was just asked for: nothing of it has happened yet.
    #[must_use]
    pub fn queued(
        id: RunId,
        task_id: TaskId,
        task: TaskSpec,
        repository: String,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            task_id,
            model: task.model.clone(),
            task,
            repository,
            r#ref: None,
            base_commit: None,
            branch: format!("caisson/{id}"),
            state: RunState::Queued,
            outcome: None,
            reason: None,
            detail: None,
            step: 0,
            attempt: 0,
            retry_of: None,
            auto_retries: 0,
            batch_id: None,
            owner: None,
            priority: 0,
            instance_id: None,
            agent_session: None,
            cost: Cost { usd: 0.0, known: true },
            usage: Usage::default(),
            pull_request: None,
            head_commit: None,
            last_seq: 0,
            gate: None,
            artifacts: Vec::new(),
            not_committed: Vec::new(),
            denied: Denials::default(),
            events_removed_at: None,
            version: 1,
            created_at,
            started_at: None,
            ended_at: None,
        }
    }
}

/// The name an enum value has on the wire: `out_of_memory`.
#[must_use]
pub fn wire_name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// What a run has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Cost {
    /// US dollars; what is known of it.
    pub usd: f64,
    /// Whether that is all of it. An unknown price is unknown, not 0.
    pub known: bool,
}

/// Tokens used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Read by the model, not from its cache.
    pub input_tokens: i64,
    /// Written by the model.
    pub output_tokens: i64,
    /// Read from the model's cache.
    pub cache_read_tokens: i64,
    /// Written to the model's cache.
    pub cache_creation_tokens: i64,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct PullRequest {
    /// Where to see it.
    pub url: String,
    /// `draft`, `open`, `merged` or `closed`.
    pub state: String,
}

/// Settings of one run that differ from its task's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Overrides {
    /// The model to ask for.
    pub model: Option<String>,
    /// What the run may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// How long the run may take, in seconds.
    pub timeout_seconds: Option<u64>,
    /// How long a step may take, in seconds.
    pub step_timeout_seconds: Option<u64>,
    /// Which runs of the queue go first, from -100 to 100: higher before lower; 0 unless set.
    pub priority: Option<i32>,
}

/// The answer of `runs.diff`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunDiff {
    /// The commit it is compared with.
    pub base_commit: Option<String>,
    /// Every file that differs.
    pub files: Vec<FileChange>,
    /// The unified patch; bytes that are not UTF-8 are U+FFFD here, and right in the artifact.
    pub patch: String,
    /// How many files were left out of the patch because it would be too large.
    pub left_out: u64,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct FileChange {
    /// Its path in the repository.
    pub path: String,
    /// `added`, `modified`, `deleted`, `renamed` or `typechange`.
    pub status: String,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
}

#[cfg(test)]
mod tests;
