//! Items: what the conversation is made of, read from a run's events.

use api::{
    Timestamp,
    agent::{AgentEvent, AgentLine, AgentLineType, Retry},
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
    /// A line of the agent that was stored by an earlier version, as it came.
    Unread(String),
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
        EventBody::Agent(line) => read_line(line, at),
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

fn read_line(line: AgentLine, at: Timestamp) -> (Vec<What>, bool) {
    let nested = line.event.parent.is_some();
    if line.is_unread() {
        return (vec![What::Unread(line.raw)], nested);
    }
    (line.into_events().flat_map(|event| read_event(event, at)).collect(), nested)
}

fn read_event(event: AgentEvent, at: Timestamp) -> Vec<What> {
    let mut whats = Vec::new();
    let failed = event.stop_reason.is_some_and(api::agent::StopReason::is_failure);
    whats.extend(event.text.and_then(|text| match event.r#type {
        AgentLineType::Text => (!text.trim().is_empty()).then_some(What::Text(text)),
        AgentLineType::Thinking => Some(What::Thinking(text)),
        // A good result repeats the last thing that was said.
        AgentLineType::Result => failed.then_some(What::AgentError(text)),
        _ => None,
    }));
    if event.r#type == AgentLineType::Init {
        whats.extend(event.session.and_then(|session| session.model).map(What::Model));
    }
    whats.extend(event.tool.map(|call| What::Tool(ToolCall::read(call, event.plan))));
    whats.extend(event.result.map(|result| {
        let answer = Answer { at, text: result.output, exit_code: result.exit_code, is_error: !result.ok };
        What::StrayAnswer { id: result.id, answer }
    }));
    whats.extend(event.retry.map(|retry| What::Retry(retry_words(&retry))));
    // Of a request its gate says the same, and who answered.
    whats
}

fn retry_words(Retry { attempt, max, delay_ms, error }: &Retry) -> String {
    format!(
        "The model did not answer ({}); try {attempt} of {max}, the next in {} s",
        error.replace('_', " "),
        delay_ms.div_ceil(1000),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example::{answers, event, line};

    fn whats(event: Event) -> Vec<What> {
        read(event).into_iter().map(|item| item.what).collect()
    }

    #[test]
    fn a_line_of_an_earlier_version_is_shown_as_it_came() {
        let stored = |data: &str| {
            let line = serde_json::from_str(data).unwrap();
            whats(event(1, Some(1), EventBody::Agent(line)))
        };
        assert_eq!(stored(r#"{"type":"text","raw":"{\"a\":1}"}"#), [What::Unread(r#"{"a":1}"#.to_owned())]);
        assert_eq!(stored(r#"{"type":"other","raw":"{}"}"#), []);
    }

    #[test]
    fn a_subagent_is_nested_and_a_good_end_says_nothing_new() {
        let said = AgentEvent { parent: Some("t".to_owned()), ..AgentEvent::text(AgentLineType::Text, "a") };
        assert!(read(line(1, 1, said)).iter().all(|item| item.nested));
        assert!(!read(answers(1, 1, "a", "b", false))[0].nested);
        let end = |reason| AgentEvent {
            stop_reason: Some(reason),
            ..AgentEvent::text(AgentLineType::Result, "Done.")
        };
        assert_eq!(whats(line(1, 1, end(api::agent::StopReason::EndTurn))), []);
        let failed = whats(line(1, 1, end(api::agent::StopReason::MaxTurns)));
        assert_eq!(failed, [What::AgentError("Done.".to_owned())]);
    }
}
