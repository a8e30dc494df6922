//! A line of an agent's output as it is sent and stored: the raw text, and beside it what it says.

use serde::{Deserialize, Serialize};

use super::AgentEvent;

/// One line the agent wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct AgentLine {
    /// What it says, in words that belong to no agent.
    #[serde(flatten)]
    pub event: Box<AgentEvent>,
    /// What else it says: an agent may put several things into one line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<AgentEvent>,
    /// The line as it came, without its line end; bytes that are not UTF-8 are U+FFFD.
    pub raw: String,
}

impl AgentLine {
    /// A line that says one thing.
    #[must_use]
    pub fn new(event: AgentEvent, raw: String) -> Self {
        Self { event: Box::new(event), more: Vec::new(), raw }
    }

    /// A line of which only the type is known.
    #[must_use]
    pub fn plain(r#type: AgentLineType, raw: impl Into<String>) -> Self {
        Self::new(AgentEvent::new(r#type), raw.into())
    }

    /// Everything it says, in order.
    pub fn events(&self) -> impl Iterator<Item = &AgentEvent> {
        std::iter::once(&*self.event).chain(&self.more)
    }

    /// Everything it says, in order.
    pub fn into_events(self) -> impl Iterator<Item = AgentEvent> {
        std::iter::once(*self.event).chain(self.more)
    }

    /// About how many bytes it takes: the raw text and what its events repeat.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.raw.len() + self.events().map(AgentEvent::bytes).sum::<usize>()
    }

    /// Whether it comes from a version that stored only the type and the raw line: there is more to show than its
    /// events say, and only the raw line has it.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        let speaks = match self.event.r#type {
            AgentLineType::Init
            | AgentLineType::Text
            | AgentLineType::Thinking
            | AgentLineType::ToolUse
            | AgentLineType::ToolResult
            | AgentLineType::Todo
            | AgentLineType::Subagent
            | AgentLineType::Retry
            | AgentLineType::Result => true,
            AgentLineType::RateLimit | AgentLineType::Usage | AgentLineType::Other => false,
        };
        speaks && self.more.is_empty() && self.event.is_empty()
    }
}

/// What a line of the agent is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AgentLineType {
    /// A session (or a turn of it) began.
    Init,
    /// The agent says something.
    Text,
    /// The agent thinks.
    Thinking,
    /// The agent calls a tool.
    ToolUse,
    /// A tool answers.
    ToolResult,
    /// The agent's to-do list changed.
    Todo,
    /// A subagent began, went on or ended.
    Subagent,
    /// A call to the model is tried again.
    Retry,
    /// The model's rate limit.
    RateLimit,
    /// Tokens used.
    Usage,
    /// A turn ended.
    Result,
    /// Anything else, kept as it came.
    #[default]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_an_earlier_version_is_known_by_what_is_missing() {
        let stored = |data: &str| serde_json::from_str::<AgentLine>(data).unwrap();
        assert!(stored(r#"{"type":"text","raw":"{}"}"#).is_unread());
        assert!(!stored(r#"{"type":"other","raw":"Killed"}"#).is_unread(), "there is nothing to show");
        assert!(!stored(r#"{"type":"text","text":"","raw":"{}"}"#).is_unread());
    }

    #[test]
    fn parts_that_a_later_version_adds_are_passed_over() {
        let data = r#"{"type":"text","text":"a","mood":{"good":true},"raw":"{}"}"#;
        let line: AgentLine = serde_json::from_str(data).unwrap();
        assert_eq!(line, AgentLine::new(AgentEvent::text(AgentLineType::Text, "a"), "{}".to_owned()));
    }
}
