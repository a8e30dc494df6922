//! How runs end: outcome and reason, closed lists.

use serde::{Deserialize, Serialize};

use super::wire_name;

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
    /// Nothing is on the branch, but the agent was denied something, or its work is somewhere else.
    AgentStopped,
    /// A merge or a rebase was left half done, or the agent's commits cannot be joined with those pushed before.
    Conflicts,
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
    /// Its log took more than a log may.
    LogFull,
    /// The model refused the credential.
    AuthFailed,
    /// The model's rate limit was reached.
    RateLimited,
    /// The model did not answer.
    ModelUnavailable,
    /// The repository could not be cloned.
    CloneFailed,
    /// There is no such repository, or this server may not see it.
    RepositoryNotFound,
    /// The run's branch cannot be pushed: this server may not, or another branch is in the way.
    PushNotPermitted,
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
            | Self::AgentStopped
            | Self::Conflicts
            | Self::AgentError
            | Self::AgentCrashed
            | Self::AgentHung
            | Self::MaxTurns
            | Self::BudgetExhausted
            | Self::Timeout
            | Self::OutOfMemory
            | Self::DiskFull
            | Self::LogFull
            | Self::AuthFailed
            | Self::RateLimited
            | Self::ModelUnavailable
            | Self::CloneFailed
            | Self::RepositoryNotFound
            | Self::PushNotPermitted
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
