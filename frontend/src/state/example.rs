//! Wire objects for the tests of the folds.

use api::{
    Timestamp,
    event::{AgentLine, AgentLineType, Event, EventBody},
    id::{RunId, TaskId},
    run::{Cost, Run, RunState, Usage},
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
    Run {
        id: RunId(uuid(number)),
        task_id: TaskId(uuid(7)),
        task: TaskSpec::new("Upgrade", vec![step("Bump"), step("Replace"), step("Document")]),
        repository: "acme/web".to_owned(),
        r#ref: None,
        base_commit: None,
        branch: "caisson/1".to_owned(),
        state: RunState::Queued,
        outcome: None,
        reason: None,
        detail: None,
        step: 0,
        attempt: 0,
        retry_of: None,
        batch_id: None,
        instance_id: None,
        agent_session: None,
        model: None,
        cost: Cost::default(),
        usage: Usage::default(),
        pull_request: None,
        head_commit: None,
        last_seq: 1,
        gate: None,
        version: 1,
        created_at: at(0),
        started_at: None,
        ended_at: None,
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
