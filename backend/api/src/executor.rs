//! The executor's HTTP interface: the bodies the backend and the executor exchange.
//!
//! All but `GET /health` need the instance's bearer token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    event::{AgentLine, CheckRun},
    task::{Agent, Check, PermissionProfile},
};

/// The port the executor listens on inside its container.
pub const PORT: u16 = 7335;
/// The loopback port in the container that leads to the broker: model calls and git.
pub const RELAY_PORT: u16 = 7336;
/// Where the repository is in the container.
pub const WORKSPACE: &str = "/workspace";

/// The path below the relay's port at which the broker serves a repository: `https://host/path`
/// is reached as `http://127.0.0.1:RELAY_PORT/git/https/host/path`. `None` when it is not an HTTP URL.
#[must_use]
pub fn git_relay_path(repository: &str) -> Option<String> {
    let (scheme, rest) = repository.split_once("://")?;
    matches!(scheme, "http" | "https").then(|| format!("/git/{scheme}/{}", rest.trim_end_matches('/')))
}

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// The executor's version.
    pub version: String,
    /// `verified` once the firewall stands and was tried from inside.
    pub firewall: String,
}

/// `POST /init-git`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitGit {
    /// The name commits are made under.
    pub github_username: String,
    /// The address commits are made under.
    pub email: String,
    /// A private key in OpenSSH format.
    pub ssh_private_key: Option<String>,
    /// Its public half.
    pub ssh_public_key: Option<String>,
}

/// The answer to `POST /init-git`, also with status 400.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitGitResult {
    /// Whether it was done.
    pub success: bool,
    /// What was done or what is wrong; never a part of a key.
    pub message: String,
}

/// `POST /git-clone`; answered with NDJSON of `CloneLine`.
/// A repeated call for a clone that is already there answers `Done` at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitClone {
    /// The repository.
    pub repository_url: String,
    /// The branch, tag or commit to start from; `null` is the default branch.
    pub r#ref: Option<String>,
    /// How many commits of history to fetch; `null` is all.
    pub depth: Option<u32>,
    /// The branch to create for the run's work.
    pub work_branch: Option<String>,
}

/// One line of the answer to `POST /git-clone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CloneLine {
    /// How far it is.
    Progress {
        /// `receiving`, `resolving` or `checkout`.
        phase: String,
        /// Of this phase.
        percent: u8,
    },
    /// It is there.
    Done {
        /// The commit that is checked out.
        commit: String,
        /// The branch that is checked out.
        branch: String,
    },
    /// It failed; the last line.
    Failed(GitFailure),
}

/// Why a git operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitFailure {
    /// What kind of failure.
    pub code: GitFailureCode,
    /// What happened, in a sentence.
    pub message: String,
}

/// The kinds of git failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitFailureCode {
    /// There is no such repository, or it is not visible with this credential.
    NotFound,
    /// A credential is needed, or the one that was used is refused.
    AuthRequired,
    /// The repository has no commits.
    Empty,
    /// There is no such branch, tag or commit.
    UnknownRef,
    /// The remote refused the push.
    Rejected,
    /// The remote could not be reached, or the transfer broke or stood still.
    Network,
    /// The disk is full.
    DiskFull,
    /// Anything else.
    Other,
}

/// `POST /execute`; answered with NDJSON of `ExecutionLine`, live, until the execution ends.
/// A repeated call with the id of an execution that exists starts nothing and follows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// How long it may take, in seconds.
    pub timeout_seconds: u64,
    /// What the agent shows the broker with each model call; worthless after the run.
    pub model_token: String,
    /// More environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
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
    /// The agent's last result, if it gave one.
    pub result: Option<AgentResult>,
    /// The end of its standard error, at most 4 KiB.
    pub stderr: String,
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
    /// The spool could not be written: the disk is full.
    DiskFull,
    /// The executor was restarted while it ran.
    ExecutorRestarted,
}

/// What the agent's last result says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentResult {
    /// Whether the agent calls it an error. The exit code and the subtype alone do not tell.
    pub is_error: bool,
    /// `success`, `error_max_turns`, …
    pub subtype: String,
    /// `completed`, `api_error`, `max_turns`, …
    pub terminal_reason: Option<String>,
    /// The HTTP status of the model's error, if that is what ended it.
    pub api_error_status: Option<u16>,
    /// The answer, or the errors.
    pub text: String,
    /// The agent's session id.
    pub session_id: Option<String>,
    /// US dollars by the agent's own count: cumulative over the session's resumes.
    pub total_cost_usd: Option<f64>,
    /// Tokens, all models and subagents: cumulative over the session's resumes.
    pub usage: crate::run::Usage,
}

/// `POST /executions/{id}/ack`: everything up to `n` is stored elsewhere and may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The last number that is safe.
    pub n: u64,
}

/// `POST /executions/{id}/input`: a message to the agent while it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What to say.
    pub text: String,
}

/// `POST /checks`; runs them in order and stops at the first that does not pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The checks.
    pub checks: Vec<Check>,
    /// The attempt they judge, from 1.
    pub attempt: u32,
    /// Environment of the checks.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// The answer to `POST /checks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecksResult {
    /// One for each check that was run.
    pub results: Vec<CheckRun>,
}

/// `POST /commit`: commits what the agent left uncommitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The commit's message.
    pub message: String,
}

/// The answer to `POST /commit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitResult {
    /// The new commit; `null` when there was nothing to commit.
    pub commit: Option<String>,
}

/// `POST /push`: pushes the checked-out branch's commits to this branch of the remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// The branch to push to.
    pub branch: String,
    /// The commit the run started from: with no commits since, nothing is pushed.
    pub base_commit: String,
    /// After how many seconds without progress the push is given up.
    pub stall_seconds: u64,
}

/// The answer to `POST /push`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushResult {
    /// The newest commit.
    pub head_commit: String,
    /// How many commits it is ahead of the base; with 0 nothing was pushed.
    pub commits: u64,
}

/// What any endpoint answers when it refuses or fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, in a sentence.
    pub error: String,
    /// Set when git failed.
    pub git: Option<GitFailure>,
}
