//! The executor's HTTP interface: the bodies the backend and the executor exchange.
//!
//! All but `GET /health` need the instance's bearer token.

mod egress;
mod execution;
mod git;
mod pauses;
mod remote;
mod told;
mod words;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{event::CheckRun, task::Check};

pub use crate::agent::Decision;
pub use egress::{EGRESS_WAIT_SECONDS, EgressReport, Refused, SetEgress};
pub use execution::{Ack, AgentResult, Execute, ExecutionLine, ExecutionStatus, Exit, ExitCause, Input};
pub use git::{
    CloneLine, Commit, CommitResult, Diff, DiffResult, Elsewhere, GitClone, GitFailure, GitFailureCode, Kept,
    Objection, ObjectionKind, Push, PushResult,
};
pub use pauses::{GIT_PATIENCE, Pauses};
pub use remote::{SshRemote, git_relay_path};
pub use told::Told;
pub use words::{MOST_WORDS, words};

/// The port the executor listens on inside its container.
pub const PORT: u16 = 7335;
/// The loopback port in the container that leads to the broker: model calls and git.
pub const RELAY_PORT: u16 = 7336;
/// Where the repository is in the container.
pub const WORKSPACE: &str = "/workspace";

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

/// `POST /checks`; runs them in order and stops at the first that does not pass.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The checks.
    pub checks: Vec<Check>,
    /// The attempt they judge, from 1.
    pub attempt: u32,
    /// Environment of the checks.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The commit they judge, in full; `null` is the newest one of the workspace.
    #[serde(default)]
    pub commit: Option<String>,
}

impl fmt::Debug for Checks {
    /// Without the values of its environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checks, attempt, env, commit } = self;
        let mut shown = f.debug_struct("Checks");
        shown.field("checks", checks).field("attempt", attempt).field("env", &env.keys());
        shown.field("commit", commit).finish()
    }
}

/// The answer to `POST /checks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecksResult {
    /// One for each check that was run.
    pub results: Vec<CheckRun>,
}

/// What any endpoint answers when it refuses or fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, in a sentence.
    pub error: String,
    /// Set when git failed.
    pub git: Option<GitFailure>,
}
