//! The executor's executions: one run of the agent's program, its numbered lines, its end.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    agent::{AgentLine, Decision, StopReason},
    task::{Agent, PermissionProfile, RepositorySettings},
};

/// `POST /execute`; answered with NDJSON of `ExecutionLine`, live, until the execution ends.
/// A repeated call with the id of an execution that exists starts nothing and follows it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Execute {
    /// Chosen by the caller, unique in the container.
    pub execution_id: String,
    /// What the agent is told.
    pub prompt: String,
    /// Which agent.
    #[serde(default)]
    pub agent: Agent,
    /// The model to ask for.
    pub model: String,
    /// The agent session to go on with; `null` begins one.
    pub resume: Option<String>,
    /// The id to begin a new session with.
    pub session: Option<String>,
    /// What the agent may do.
    #[serde(default)]
    pub permission_profile: PermissionProfile,
    /// The most turns it may take.
    pub max_turns: Option<u32>,
    /// The most it may spend, in US dollars.
    pub budget_usd: Option<f64>,
    /// How long it may take, in seconds; the clock stands still while the agent waits for an answer.
    pub timeout_seconds: u64,
    /// How often the agent tries a call to the model again; `null` leaves it to the agent.
    #[serde(default)]
    pub model_retries: Option<u32>,
    /// What the agent shows the broker with each model call; worthless after the run.
    pub model_token: String,
    /// More environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What of the repository's own settings for the agent is used.
    #[serde(default)]
    pub repository_settings: RepositorySettings,
}

impl fmt::Debug for Execute {
    /// Without the values of its environment and its token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute")
            .field("execution_id", &self.execution_id)
            .field("model", &self.model)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

/// One line of an execution's stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExecutionLine {
    /// A line of the agent's standard output.
    Agent {
        /// 1, 2, 3 … within the execution.
        n: u64,
        /// When it was read.
        at: Timestamp,
        /// The line.
        line: AgentLine,
    },
    /// A line of the agent's standard error.
    Stderr {
        /// Its number.
        n: u64,
        /// When it was read.
        at: Timestamp,
        /// The line.
        text: String,
    },
    /// The last line: the execution is over.
    End {
        /// Its number.
        n: u64,
        /// When it ended.
        at: Timestamp,
        /// How.
        exit: Exit,
    },
    /// Tokens as they come: live only, not numbered, not kept.
    Partial {
        /// The new text.
        text: String,
        /// `text` or `thinking`.
        block: String,
    },
}

impl ExecutionLine {
    /// The number of a kept line; `None` for tokens.
    #[must_use]
    pub const fn n(&self) -> Option<u64> {
        match self {
            Self::Agent { n, .. } | Self::Stderr { n, .. } | Self::End { n, .. } => Some(*n),
            Self::Partial { .. } => None,
        }
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// What ended it.
    pub cause: ExitCause,
    /// The process's exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The end of its last turn; made up (`no_result`) when it gave none, `null` when no turn began.
    pub result: Option<AgentResult>,
    /// The end of its standard error, at most 4 KiB.
    pub stderr: String,
    /// How many processes of the container the kernel killed meanwhile because its memory was used up.
    #[serde(default)]
    pub memory_kills: u64,
}

/// What ended an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCause {
    /// The process ended by itself.
    Exited,
    /// It was cancelled.
    Cancelled,
    /// It took longer than `timeoutSeconds`.
    Timeout,
    /// It gave its result and did not end; it was killed.
    HungAfterResult,
    /// It could not be started.
    NotStarted,
    /// The spool could not be written, or the agent's files take more of the disk than they may.
    DiskFull,
    /// The executor was restarted while it ran.
    ExecutorRestarted,
}

/// What the end of the agent's last turn says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentResult {
    /// Why the turn ended. The exit code alone does not say whether it went well.
    pub stop_reason: StopReason,
    /// The HTTP status of the model's error, if that is what ended it.
    pub status: Option<u16>,
    /// The answer, or the errors.
    pub text: String,
    /// The agent's session id.
    pub session_id: Option<String>,
}

/// `POST /executions/{id}/ack`: everything up to `n` is stored elsewhere and may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The last number that is safe.
    pub n: u64,
}

/// `POST /executions/{id}/input`: something for the agent while it works. One that was given before, by
/// its id or by the request it answers, is taken and not repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Input {
    /// A message from a person.
    Message {
        /// Chosen by the caller, unique in the execution.
        id: String,
        /// What to say.
        text: String,
    },
    /// What a person decided about something the agent asked (`PermissionRequest`).
    Answer {
        /// The agent's request.
        request_id: String,
        /// The decision.
        decision: Decision,
    },
}

/// `GET /executions/{id}`: what is known of an execution from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionStatus {
    /// Whether the agent's process is there.
    pub running: bool,
    /// How many processes its account has, tools included.
    pub processes: u32,
    /// How much processor time they have used, in seconds; `null` when it cannot be read.
    pub cpu_seconds: Option<f64>,
    /// The number of the newest kept line.
    pub n: u64,
}
