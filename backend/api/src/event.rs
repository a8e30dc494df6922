//! Events: everything a run said or that happened to it, numbered without gaps.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    run::{Gate, Outcome, Reason, RunState},
};

pub use crate::agent::{AgentLine, AgentLineType};

/// One row of a run's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Event {
    /// 1, 2, 3 … within the run, without gaps.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The step it belongs to, from 1; `null` outside the steps.
    pub step: Option<u32>,
    /// What happened: `kind` and `data`.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened, by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum EventBody {
    /// The run's state changed.
    State(StateChange),
    /// Something on the way to the agent moves on.
    Progress(Progress),
    /// One line of the agent.
    Agent(AgentLine),
    /// A check was run.
    Check(CheckRun),
    /// A commit, a push or a pull request.
    Git(GitAction),
    /// A connection that was refused or allowed.
    Egress(EgressEvent),
    /// The run waits for a person, or was answered.
    Gate(Gate),
    /// Something worth knowing that is not a failure.
    Notice(Notice),
    /// A message a person sent to the agent.
    User(UserMessage),
}

impl EventBody {
    /// Whether this is the last event of a run.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::State(StateChange { state: RunState::Ended, .. }))
    }
}

/// A run's new state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct StateChange {
    /// The state it has now.
    pub state: RunState,
    /// How it ended; only with `ended`.
    pub outcome: Option<Outcome>,
    /// Why; only with `ended`.
    pub reason: Option<Reason>,
    /// What happened and what to do, in a sentence.
    pub detail: Option<String>,
}

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Progress {
    /// `container`, `firewall`, `git_init`, `clone`, `step`, `push`.
    pub phase: String,
    /// What is going on, in words.
    pub text: String,
    /// How much of it is done, where that is known.
    pub percent: Option<u8>,
}

/// A check and how it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckRun {
    /// The command line.
    pub run: String,
    /// Its exit code; `null` when it was killed or could not start.
    pub exit_code: Option<i32>,
    /// How it is judged.
    pub verdict: Verdict,
    /// Why it is judged that way, in a sentence.
    pub why: String,
    /// The end of what it printed, at most 16 KiB.
    pub output: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The attempt at the step it judged, from 1.
    pub attempt: u32,
}

impl CheckRun {
    /// Why a check passed of which there is nothing else to say.
    pub const PLAIN: &str = "exit code 0";

    /// What a reader should see beside the verdict; `None` when the verdict says it all.
    #[must_use]
    pub fn remark(&self) -> Option<&str> {
        let plain = self.verdict == Verdict::Passed && self.why == Self::PLAIN;
        (!plain && !self.why.is_empty()).then_some(self.why.as_str())
    }
}

/// How a check is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What it asks for holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It took too long.
    TimedOut,
    /// It ran nothing, so it says nothing: no such command, or no test at all.
    Vacuous,
}

/// Something done with git.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum GitAction {
    /// What the agent left uncommitted after a step was committed.
    Commit {
        /// The new commit.
        commit: String,
        /// The first line of its message.
        summary: String,
    },
    /// The branch was pushed.
    Push {
        /// The branch.
        branch: String,
        /// Its newest commit.
        commit: String,
        /// How many commits it is ahead of where the run started.
        commits: u64,
    },
    /// A pull request was made or changed.
    PullRequest {
        /// Where to see it.
        url: String,
        /// Its state.
        state: String,
    },
}

/// A connection the container tried to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct EgressEvent {
    /// The host's name or address.
    pub host: String,
    /// The port, where there was one.
    pub port: Option<u16>,
    /// Whether it was allowed: a person did, while the run went on.
    pub allowed: bool,
    /// How often it was refused so far; 0 when it was allowed. Told at 1, 10, 100 …, not each time.
    #[serde(default)]
    pub count: u64,
    /// Why, in a sentence with what would help.
    #[serde(default)]
    pub why: String,
    /// The process that asked, where that could be seen.
    #[serde(default)]
    pub process: Option<String>,
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Notice {
    /// What it is about: `stderr`, `adopted`, `silence`, `cut`, `gate`, `memory`, `message`, `rescue`, `retry`,
    /// `egress`, `repository`, `disk`.
    pub about: String,
    /// It, in words.
    pub text: String,
}

/// A message to the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct UserMessage {
    /// What was said.
    pub text: String,
}
