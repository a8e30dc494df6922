//! Wire objects for the tests of the folds.

use api::{
    Timestamp,
    batch::Batch,
    event::{AgentLine, AgentLineType, Event, EventBody},
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

/// A line of the agent as an event of this step.
pub(crate) fn line(seq: i64, step: u32, raw: &str) -> Event {
    let line = AgentLine { r#type: AgentLineType::Other, raw: raw.to_owned() };
    event(seq, Some(step), EventBody::Agent(line))
}

/// The agent says something.
pub(crate) fn says(seq: i64, step: u32, text: &str) -> Event {
    line(
        seq,
        step,
        &format!(r#"{{"type":"assistant","message":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#),
    )
}

/// The agent calls the shell.
pub(crate) fn calls(seq: i64, step: u32, id: &str, command: &str) -> Event {
    let block =
        format!(r#"{{"type":"tool_use","id":"{id}","name":"Bash","input":{{"command":"{command}"}}}}"#);
    line(seq, step, &format!(r#"{{"type":"assistant","message":{{"content":[{block}]}}}}"#))
}

/// The shell answers.
pub(crate) fn answers(seq: i64, step: u32, id: &str, text: &str, is_error: bool) -> Event {
    let block =
        format!(r#"{{"type":"tool_result","tool_use_id":"{id}","content":"{text}","is_error":{is_error}}}"#);
    line(seq, step, &format!(r#"{{"type":"user","message":{{"content":[{block}]}}}}"#))
}

/// An event as it arrives.
pub(crate) fn item(event: Event) -> Frame {
    Frame::Item { event }
}
