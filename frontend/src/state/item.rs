//! Items: what the conversation is made of, read from a run's events.

use api::{
    Timestamp,
    claude::{self, Block, Reading},
    event::{CheckRun, EgressEvent, Event, EventBody, GitAction, Notice, Progress, StateChange},
    run::Gate,
};

use super::tool::{Answer, ToolCall};

/// One thing that was said or that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// The number of its event.
    pub(crate) seq: i64,
    /// Its place within the event: one line of the agent may say several things.
    pub(crate) part: usize,
    /// Grows when it changes, so that only what changed is drawn again.
    pub(crate) revision: u32,
    /// When.
    pub(crate) at: Timestamp,
    /// Whether a subagent said it.
    pub(crate) nested: bool,
    /// What.
    pub(crate) what: What,
}

impl Item {
    /// What tells this item, as it is now, from all others.
    pub(crate) fn key(&self) -> (i64, usize, u32) {
        (self.seq, self.part, self.revision)
    }
}

/// The kinds of items.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// The agent says something.
    Text(String),
    /// The agent thinks.
    Thinking(String),
    /// The agent calls a tool.
    Tool(ToolCall),
    /// The answer to a call that is not loaded.
    StrayAnswer {
        /// The call it answers.
        id: String,
        /// The answer.
        answer: Answer,
    },
    /// The model that answers.
    Model(String),
    /// A call to the model is tried again.
    Retry(String),
    /// The agent reports an error of its own.
    AgentError(String),
    /// A check.
    Check(CheckRun),
    /// Something done with git.
    Git(GitAction),
    /// A connection that was refused or allowed.
    Egress(EgressEvent),
    /// The run waits for a person.
    Gate(Gate),
    /// Something worth knowing.
    Notice(Notice),
    /// A person's message.
    User(String),
    /// The run's state changed.
    State(StateChange),
    /// Something on the way to the agent moves on.
    Progress(Progress),
}

/// Progress in words: `receiving, 64 %`.
pub(crate) fn progress_words(progress: &Progress) -> String {
    let text = progress.text.trim().trim_end_matches('.');
    match progress.percent {
        // A text that names the figure itself, or is about the end, needs no second one.
        Some(percent) if percent < 100 && !text.contains('%') => format!("{text}, {percent} %"),
        _ => text.to_owned(),
    }
}

/// The items of an event; none for what people need not see.
pub(crate) fn read(event: Event) -> Vec<Item> {
    let (seq, at) = (event.seq, event.at);
    let (whats, nested) = match event.body {
        EventBody::Agent(line) => read_line(&line.raw, at),
        EventBody::State(change) => (vec![What::State(change)], false),
        // The step's head says it.
        EventBody::Progress(progress) if progress.phase == "step" => (Vec::new(), false),
        EventBody::Progress(progress) => (vec![What::Progress(progress)], false),
        EventBody::Check(check) => (vec![What::Check(check)], false),
        EventBody::Git(action) => (vec![What::Git(action)], false),
        EventBody::Egress(egress) => (vec![What::Egress(egress)], false),
        EventBody::Gate(gate) => (vec![What::Gate(gate)], false),
        EventBody::Notice(notice) => (vec![What::Notice(notice)], false),
        EventBody::User(message) => (vec![What::User(message.text)], false),
    };
    let item = |(part, what)| Item { seq, part, revision: 0, at, nested, what };
    whats.into_iter().enumerate().map(item).collect()
}

fn read_line(raw: &str, at: Timestamp) -> (Vec<What>, bool) {
    match claude::read(raw) {
        Reading::Line { blocks, parent, .. } => {
            (blocks.into_iter().filter_map(|block| read_block(block, at)).collect(), parent.is_some())
        }
        Reading::Partial { .. } | Reading::Live => (Vec::new(), false),
    }
}

fn read_block(block: Block, at: Timestamp) -> Option<What> {
    match block {
        Block::Text(text) => (!text.trim().is_empty()).then_some(What::Text(text)),
        Block::Thinking(text) => Some(What::Thinking(text)),
        Block::ToolUse { id, name, input } => Some(What::Tool(ToolCall::read(id, &name, &input))),
        Block::ToolResult { id, text, is_error } => {
            Some(What::StrayAnswer { id, answer: Answer { at, text, is_error } })
        }
        Block::Init { model, .. } => Some(What::Model(model)),
        Block::Retry { attempt, max, delay_ms, error } => Some(What::Retry(format!(
            "The model did not answer ({}); try {attempt} of {max}, the next in {} s",
            error.replace('_', " "),
            delay_ms.div_ceil(1000),
        ))),
        // A good result repeats the last thing that was said.
        // Its gate says the same, and who answered.
        Block::Ask(_) => None,
        Block::Result(result) => result.is_error.then_some(What::AgentError(result.text)),
    }
}
