//! Wire objects for the tests of the folds.

use api::{
    Timestamp,
    agent::{AgentEvent, AgentLine, AgentLineType, ToolCall, ToolKind, ToolResult},
    batch::Batch,
    event::{Event, EventBody},
    id::{BatchId, RunId, TaskId},
    run::{Cost, Gate, GateKind, Run},
    stream::Frame,
    task::{Step, TaskSpec},
};

/// A moment `second` seconds after the epoch of these tests.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

/// A queued run of a task with three steps; ids sort by `number`.
pub(crate) fn run(number: u128) -> Run {
    let step = |text: &str| Step { instructions: text.to_owned(), checks: Vec::new() };
    let task = TaskSpec::new("Upgrade", vec![step("Bump"), step("Replace"), step("Document")]);
    let (id, task_id) = (RunId(uuid(number)), TaskId(uuid(7)));
    let mut run = Run::queued(id, task_id, task, "acme/web".to_owned(), at(0));
    run.branch = "caisson/1".to_owned();
    run.last_seq = 1;
    run.cost.known = false;
    run
}

/// A batch at work that nothing is known of yet; ids sort by `number`.
pub(crate) fn batch(number: u128) -> Batch {
    Batch {
        id: BatchId(uuid(number)),
        task_id: TaskId(uuid(7)),
        owner: None,
        name: "Upgrade".to_owned(),
        concurrency: None,
        stop_after_failures: None,
        budget_usd: None,
        active: true,
        stopped: None,
        states: Default::default(),
        outcomes: Default::default(),
        cost: Cost::default(),
        runs: Vec::new(),
        created_at: at(0),
        ended_at: None,
    }
}

/// A gate that waits.
pub(crate) fn gate(kind: GateKind) -> Gate {
    Gate {
        id: uuid(9),
        kind,
        text: "Which colour?".to_owned(),
        options: vec!["Red".to_owned(), "Blue".to_owned()],
        since: at(0),
        until: None,
        answer: None,
    }
}

fn uuid<T: std::str::FromStr<Err: std::fmt::Debug>>(number: u128) -> T {
    format!("{number:032x}").parse().unwrap()
}

/// An event at second `seq`.
pub(crate) fn event(seq: i64, step: Option<u32>, body: EventBody) -> Event {
    Event { seq, at: at(seq), step, body }
}

/// A line of the agent that says this.
pub(crate) fn line(seq: i64, step: u32, said: AgentEvent) -> Event {
    event(seq, Some(step), EventBody::Agent(AgentLine::new(said, "{}".to_owned())))
}

/// The agent says something.
pub(crate) fn says(seq: i64, step: u32, text: &str) -> Event {
    line(seq, step, AgentEvent::text(AgentLineType::Text, text))
}

/// The agent calls the shell.
pub(crate) fn calls(seq: i64, step: u32, id: &str, command: &str) -> Event {
    let tool = ToolCall {
        id: id.to_owned(),
        name: "Bash".to_owned(),
        kind: ToolKind::Execute,
        title: command.to_owned(),
        ..ToolCall::default()
    };
    line(seq, step, AgentEvent { tool: Some(tool), ..AgentEvent::new(AgentLineType::ToolUse) })
}

/// The shell answers.
pub(crate) fn answers(seq: i64, step: u32, id: &str, text: &str, is_error: bool) -> Event {
    let result =
        ToolResult { id: id.to_owned(), ok: !is_error, output: text.to_owned(), ..ToolResult::default() };
    line(seq, step, AgentEvent { result: Some(result), ..AgentEvent::new(AgentLineType::ToolResult) })
}

/// An event as it arrives.
pub(crate) fn item(event: Event) -> Frame {
    Frame::Item { event }
}
