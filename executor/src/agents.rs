//! The agents: how each is started, spoken to and read. Beyond its adapter nobody knows which agent it is.

mod claude;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod room;

use std::{net::SocketAddr, path::Path};

use api::{
    agent::{AgentEvent, Decision},
    executor::Execute,
    task::Agent,
};
use tokio::process::Command;

use crate::identity::Author;

/// What the executor needs to know of one agent's program. Lines end with a line end where they are written, and
/// have none where they are read.
pub(crate) trait Adapter: Send + Sync {
    /// Adds the arguments and the environment, which the request may not change.
    fn prepare(&self, command: &mut Command, start: &Start<'_>);

    /// Reads a line of its standard output. Never fails: what cannot be understood is of type `other`.
    fn read(&self, raw: &str) -> Reading;

    /// A message to it, as a line of its standard input.
    fn message(&self, text: &str) -> String;

    /// A decision about its request, as a line of its standard input. `raw` is the line with the request; a denial
    /// needs none.
    fn answer(&self, request: &str, raw: &str, decision: &Decision) -> String;

    /// The refusal of a request that nobody here can answer, as a line of its standard input.
    fn unsupported(&self, request: &str) -> String;
}

/// What a program is started with.
pub(crate) struct Start<'a> {
    /// What it is to do.
    pub(crate) request: &'a Execute,
    /// Where it works.
    pub(crate) workspace: &'a Path,
    /// Where its model calls go.
    pub(crate) relay: SocketAddr,
    /// Whose commits it makes.
    pub(crate) author: Option<&'a Author>,
}

/// A line, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// Part of the log.
    Line(Box<Said>),
    /// Tokens on their way; the whole text follows as a line.
    Partial {
        /// The new text.
        text: String,
        /// `text` or `thinking`.
        block: &'static str,
    },
    /// Repeats what other lines say: not kept.
    Live,
}

/// What a line says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// To people.
    pub(crate) event: AgentEvent,
    /// To people, too, where a line says several things.
    pub(crate) more: Vec<AgentEvent>,
    /// To the executor.
    pub(crate) control: Option<Control>,
}

/// Something in a line that is for the executor, not for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// The agent no longer wants the answer to this request.
    Withdrawn(String),
    /// A request that nobody here can answer; the agent would wait for ever.
    Unknown(String),
}

/// The adapter of an agent.
pub(crate) const fn adapter(agent: Agent) -> &'static dyn Adapter {
    match agent {
        Agent::ClaudeCode => &claude::Claude,
    }
}
