//! Gates: where a run waits for a person or for a limit to be lifted.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

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
    /// Answers that make sense; a question may be answered with any words.
    pub options: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// When it ends without an answer.
    pub until: Option<Timestamp>,
    /// How it was answered; `null` while it waits.
    pub answer: Option<String>,
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
