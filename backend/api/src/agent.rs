//! What an agent says, in words that belong to no agent: those of the Agent Client Protocol, and some it lacks.
//!
//! The executor's adapter of the agent makes these once from each line. Everybody else reads only them.

mod capabilities;
mod line;
mod request;
mod tool;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use capabilities::Capabilities;
pub use line::{AgentLine, AgentLineType};
pub use request::{Decision, PermissionRequest, Question, QuestionOption, RequestKind};
pub use tool::{Image, Location, ToolCall, ToolContent, ToolKind, ToolResult};

use crate::run::Usage;

/// One thing an agent says. Its type names the main part; parts that do not apply are absent. Long texts are cut:
/// the raw line has them whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentEvent {
    /// What it is about.
    pub r#type: AgentLineType,
    /// The agent's session, where the line names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// The message, the thought (type `thinking`), the answer or error that ends the turn (type `result`), or how far
    /// a subagent is (type `subagent`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A call of a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolCall>,
    /// What a tool returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ToolResult>,
    /// The agent's plan: all of it, each time it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Vec<PlanEntry>>,
    /// Something the agent waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<PermissionRequest>,
    /// Calls that were not allowed. The end of a turn repeats those of the turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<DeniedCall>,
    /// A call to the model is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Tokens by the agent's own count; the broker's count is the bill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<AgentUsage>,
    /// Why the turn ended; each turn has exactly one event with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
    /// The HTTP status of the model's error, where that ended the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The tool call of the subagent that said it; absent for the main agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

impl AgentEvent {
    /// An event of this type that says nothing yet.
    #[must_use]
    pub fn new(r#type: AgentLineType) -> Self {
        Self { r#type, ..Self::default() }
    }

    /// A message or a thought.
    #[must_use]
    pub fn text(r#type: AgentLineType, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::new(r#type) }
    }

    /// About how many bytes its long texts take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let text = self.text.as_ref().map_or(0, String::len);
        let input = self.tool.as_ref().map_or(0, |tool| size(&tool.input));
        let output = self.result.as_ref().map_or(0, |result| result.output.len());
        // The questions of a request repeat parts of its text.
        let request = self.request.as_ref().map_or(0, |request| 2 * request.text.len());
        text + input + output + request
    }

    /// Whether no part is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::new(self.r#type)
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => size_of::<Value>(),
    }
}

/// A session of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Session {
    /// Its id, with which it can be resumed.
    pub id: String,
    /// The model that answers, where the line names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// One entry of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct PlanEntry {
    /// What is to be done.
    pub text: String,
    /// How far it is.
    pub state: PlanState,
}

/// How far an entry of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Done.
    Completed,
}

/// A tool call that the agent's permissions or a person did not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct DeniedCall {
    /// The call: the same in every event that names it.
    pub id: String,
    /// The tool.
    pub name: String,
}

/// A call to the model that is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// Which attempt failed, from 1.
    pub attempt: u64,
    /// The most there will be.
    pub max: u64,
    /// How long until the next, in milliseconds.
    pub delay_ms: u64,
    /// What went wrong: `overloaded`, `rate_limit`, …
    pub error: String,
}

/// Tokens and cost by the agent's own count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentUsage {
    /// What is counted. Figures of different scopes must not be added.
    pub scope: UsageScope,
    /// The tokens.
    #[serde(flatten)]
    pub tokens: Usage,
    /// US dollars; `null` when the agent does not say.
    pub cost_usd: Option<f64>,
}

/// What a count of tokens is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UsageScope {
    /// One call of the model.
    Call,
    /// One turn.
    Turn,
    /// The session so far, over its resumes.
    Session,
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The agent has finished.
    EndTurn,
    /// The model's answer reached its length limit.
    MaxTokens,
    /// The model refused.
    Refusal,
    /// The agent was interrupted.
    Cancelled,
    /// The most turns were taken.
    MaxTurns,
    /// The agent's own budget is used up.
    Budget,
    /// The answer never had the shape that was asked for.
    OutputInvalid,
    /// The agent gave up on the model; `status` has its HTTP status, if it answered at all.
    ModelError,
    /// Another error of the agent.
    #[default]
    Error,
    /// The agent's process ended without a result. The executor writes this event, so its `raw` is empty.
    NoResult,
}

impl StopReason {
    /// Whether the agent did not do what it was asked to.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::EndTurn | Self::MaxTokens | Self::Refusal)
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::EndTurn => "finished",
            Self::MaxTokens => "length limit reached",
            Self::Refusal => "the model refused",
            Self::Cancelled => "interrupted",
            Self::MaxTurns => "turn limit reached",
            Self::Budget => "budget used up",
            Self::OutputInvalid => "invalid output",
            Self::ModelError => "model error",
            Self::Error => "error",
            Self::NoResult => "no result",
        }
    }
}
