//! Runs: one attempt at a task.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    id::{InstanceId, RunId, TaskId},
    task::TaskSpec,
};

mod state;

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
    /// The batch it belongs to.
    pub batch_id: Option<uuid::Uuid>,
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
            batch_id: None,
            instance_id: None,
            agent_session: None,
            cost: Cost { usd: 0.0, known: true },
            usage: Usage::default(),
            pull_request: None,
            head_commit: None,
            last_seq: 0,
            gate: None,
            version: 1,
            created_at,
            started_at: None,
            ended_at: None,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step was done and every check passed.
    Succeeded,
    /// It did not reach its goal.
    Failed,
    /// A person stopped it.
    Cancelled,
    /// What it ran in is gone, and with it the knowledge of how it went.
    Lost,
}

/// Why a run ended; a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Done, with commits pushed.
    Completed,
    /// Done, and nothing had to be changed.
    NoChanges,
    /// A check still failed after the allowed attempts.
    CheckFailed,
    /// The agent reported an error of its own.
    AgentError,
    /// The agent's process died.
    AgentCrashed,
    /// The agent's process did not end after its result.
    AgentHung,
    /// The agent used up its turns.
    MaxTurns,
    /// The budget is used up.
    BudgetExhausted,
    /// The run or a step took too long.
    Timeout,
    /// The container ran out of memory.
    OutOfMemory,
    /// The container's disk is full.
    DiskFull,
    /// The model refused the credential.
    AuthFailed,
    /// The model's rate limit was reached.
    RateLimited,
    /// The model did not answer.
    ModelUnavailable,
    /// The repository could not be cloned.
    CloneFailed,
    /// The branch could not be pushed.
    PushFailed,
    /// The container image does not exist.
    ImageMissing,
    /// The container engine does not answer.
    EngineUnavailable,
    /// The firewall could not be set up or verified.
    FirewallFailed,
    /// The container disappeared.
    InstanceLost,
    /// A person stopped it.
    CancelledByUser,
    /// The task or the server's settings cannot work.
    InvalidConfiguration,
    /// A fault of Caisson itself.
    Internal,
}

impl Reason {
    /// The outcome that goes with this reason.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Completed | Self::NoChanges => Outcome::Succeeded,
            Self::CancelledByUser => Outcome::Cancelled,
            Self::InstanceLost => Outcome::Lost,
            Self::CheckFailed
            | Self::AgentError
            | Self::AgentCrashed
            | Self::AgentHung
            | Self::MaxTurns
            | Self::BudgetExhausted
            | Self::Timeout
            | Self::OutOfMemory
            | Self::DiskFull
            | Self::AuthFailed
            | Self::RateLimited
            | Self::ModelUnavailable
            | Self::CloneFailed
            | Self::PushFailed
            | Self::ImageMissing
            | Self::EngineUnavailable
            | Self::FirewallFailed
            | Self::InvalidConfiguration
            | Self::Internal => Outcome::Failed,
        }
    }

    /// The reason in words: `out of memory`.
    #[must_use]
    pub fn words(self) -> String {
        wire_name(&self).replace('_', " ")
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

/// What a waiting run waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Gate {
    /// What an answer names; used once.
    pub id: uuid::Uuid,
    /// What kind of answer is needed.
    pub kind: GateKind,
    /// The question, in words.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// The kinds of gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The agent asks something.
    Question,
    /// The agent wants to do something that needs a yes.
    Approval,
    /// The budget is used up.
    Budget,
    /// The model's rate limit is reached.
    RateLimit,
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
}

#[cfg(test)]
mod tests;
