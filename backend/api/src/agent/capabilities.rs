//! What each agent, as the executor drives it, can do: a table that tasks are checked against.

use crate::task::Agent;

/// What an agent can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "a table of independent facts")]
pub struct Capabilities {
    /// It sends tokens as they come.
    pub deltas: bool,
    /// It takes messages while it works.
    pub steer: bool,
    /// It asks for permissions, and asks people questions.
    pub ask: bool,
    /// It resumes a session in a new process.
    pub resume: bool,
    /// It ends after a number of turns.
    pub max_turns: bool,
    /// It says what it has cost.
    pub cost: bool,
}

impl Agent {
    /// What this agent can do.
    #[must_use]
    pub const fn capabilities(self) -> Capabilities {
        match self {
            Self::ClaudeCode => Capabilities {
                deltas: true,
                steer: true,
                ask: true,
                resume: true,
                max_turns: true,
                cost: true,
            },
        }
    }
}
