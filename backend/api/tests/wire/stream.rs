//! What a run's reader gets: events of every kind, and the frames around them.

use api::{
    event::{
        AgentLine, AgentLineType, CheckRun, EgressEvent, Event, EventBody, GitAction, Notice, Progress,
        StateChange, UserMessage, Verdict,
    },
    run::{Outcome, Reason, RunState},
    stream::Frame,
};

use crate::{
    check_lines,
    samples::{at, gate},
};

/// Every kind, and where a kind has shapes, every shape.
fn bodies() -> Vec<EventBody> {
    let text = str::to_owned;
    vec![
        EventBody::State(StateChange { state: RunState::Running, outcome: None, reason: None, detail: None }),
        EventBody::State(StateChange {
            state: RunState::Ended,
            outcome: Some(Outcome::Failed),
            reason: Some(Reason::CheckFailed),
            detail: Some(text("`make lint` still fails after 3 attempts.")),
        }),
        EventBody::Progress(Progress {
            phase: text("clone"),
            text: text("receiving objects"),
            percent: Some(40),
        }),
        EventBody::Agent(AgentLine {
            r#type: AgentLineType::ToolUse,
            raw: r#"{"type":"assistant","odd":"\u0000 \"quoted\" 🦀"}"#.to_owned(),
        }),
        EventBody::Check(CheckRun {
            run: text("make lint"),
            exit_code: Some(2),
            verdict: Verdict::Failed,
            why: text("it exited with 2"),
            output: text("line 1\nline 2\n"),
            duration_ms: 1_250,
            attempt: 1,
        }),
        EventBody::Git(GitAction::Commit { commit: text("0a1b2c3d"), summary: text("Step 1: say hello") }),
        EventBody::Git(GitAction::Push { branch: text("caisson/1"), commit: text("0a1b2c3d"), commits: 2 }),
        EventBody::Git(GitAction::PullRequest {
            url: text("https://git.example/acme/web/pull/7"),
            state: text("draft"),
        }),
        EventBody::Egress(EgressEvent {
            host: text("evil.example"),
            port: Some(443),
            allowed: false,
            count: 1,
            why: text("is not allowed"),
            process: Some(text("curl")),
        }),
        EventBody::Gate(gate()),
        EventBody::Notice(Notice { about: text("silence"), text: text("Nothing was heard for 10 minutes.") }),
        EventBody::User(UserMessage { text: text("Use tabs.") }),
    ]
}

fn events() -> impl Iterator<Item = Event> {
    bodies().into_iter().zip(1..).map(|(body, seq)| Event {
        seq,
        at: at(seq),
        step: (seq % 2 == 0).then_some(1),
        body,
    })
}

#[test]
fn an_event_carries_its_kind_and_its_data() {
    check_lines("events", &events().collect::<Vec<_>>());
}

#[test]
fn only_the_state_ended_is_the_end() {
    let ends: Vec<i64> = events().filter(|event| event.body.is_end()).map(|event| event.seq).collect();
    assert_eq!(ends, [2]);
}

#[test]
fn a_frame_says_what_it_is() {
    let event = events().next().expect("an event");
    let frames = [
        Frame::Item { event },
        Frame::Part { seq: 12, text: "{\"seq\":12,".into(), last: false },
        Frame::Partial { text: "Hel".into(), block: "text".into() },
        Frame::CaughtUp { seq: 12 },
        Frame::End,
        Frame::Resync { after: 12 },
    ];
    check_lines("frames", &frames);
}
