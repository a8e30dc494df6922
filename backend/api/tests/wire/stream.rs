//! What a run's reader gets: events of every kind, and the frames around them.

use api::{
    agent::{
        AgentEvent, AgentUsage, DeniedCall, Image, Location, PermissionRequest, PlanEntry, PlanState,
        Question, QuestionOption, RequestKind, Retry, Session, StopReason, ToolCall, ToolContent, ToolKind,
        ToolResult, UsageScope,
    },
    event::{
        AgentLine, AgentLineType, CheckRun, EgressEvent, Event, EventBody, GitAction, Notice, Progress,
        StateChange, UserMessage, Verdict,
    },
    run::{Outcome, Reason, RunState, Usage},
    stream::Frame,
};
use serde_json::json;

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
        EventBody::Agent(AgentLine::plain(
            AgentLineType::ToolUse,
            r#"{"type":"assistant","odd":"\u0000 \"quoted\" 🦀"}"#.to_owned(),
        )),
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

/// An event of an agent with every part there is; no agent says all of it at once.
fn agent_event() -> AgentEvent {
    let text = str::to_owned;
    AgentEvent {
        r#type: AgentLineType::Result,
        session: Some(Session { id: text("45aaeead"), model: Some(text("sonnet")) }),
        text: Some(text("Done.")),
        tool: Some(ToolCall {
            id: text("call-1"),
            name: text("Edit"),
            kind: ToolKind::Edit,
            title: text("a.rs"),
            input: json!({ "old": "a", "new": "b" }),
            locations: vec![Location { path: text("/workspace/a.rs"), line: Some(1), lines: Some(2) }],
            content: vec![
                ToolContent::Diff { old: Some(text("/old")), new: text("/new") },
                ToolContent::Text { text: text("/new") },
            ],
        }),
        result: Some(ToolResult {
            id: text("call-1"),
            ok: false,
            exit_code: Some(2),
            output: text("no"),
            images: vec![Image { media_type: text("image/png"), bytes: 3 }],
        }),
        plan: Some(vec![PlanEntry { text: text("Look"), state: PlanState::InProgress }]),
        request: Some(PermissionRequest {
            id: text("r-1"),
            kind: RequestKind::Question,
            text: text("Which colour?"),
            tool: text("AskUserQuestion"),
            tool_kind: ToolKind::Other,
            call: Some(text("call-2")),
            questions: vec![Question {
                id: text("1"),
                text: text("Which colour?"),
                header: text("Colour"),
                options: vec![QuestionOption { label: text("Blue"), description: text("Like the sky.") }],
                multiple: false,
                free_text: true,
            }],
        }),
        denied: vec![DeniedCall { id: text("call-3"), name: text("Bash") }],
        retry: Some(Retry { attempt: 1, max: 10, delay_ms: 500, error: text("overloaded") }),
        usage: Some(AgentUsage {
            scope: UsageScope::Session,
            tokens: Usage { input_tokens: 10, ..Usage::default() },
            cost_usd: Some(0.25),
        }),
        stop_reason: Some(StopReason::ModelError),
        status: Some(529),
        parent: Some(text("call-0")),
    }
}

#[test]
fn a_line_of_an_agent_has_what_it_says_beside_it() {
    let more = vec![AgentEvent::text(AgentLineType::Text, "And more.")];
    let line = AgentLine { event: Box::new(agent_event()), more, raw: "{}".to_owned() };
    let body = EventBody::Agent(line);
    check_lines("agent_line", &[Event { seq: 1, at: at(1), step: Some(1), body }]);
}

#[test]
fn words_of_agents() {
    use StopReason as S;
    let reasons = [
        S::EndTurn,
        S::MaxTokens,
        S::Refusal,
        S::Cancelled,
        S::MaxTurns,
        S::Budget,
        S::OutputInvalid,
        S::ModelError,
        S::Error,
        S::NoResult,
    ];
    let kinds = [
        ToolKind::Read,
        ToolKind::Edit,
        ToolKind::Delete,
        ToolKind::Move,
        ToolKind::Search,
        ToolKind::Execute,
        ToolKind::Think,
        ToolKind::Fetch,
        ToolKind::Other,
    ];
    insta::assert_json_snapshot!("agent_words", json!({ "stopReason": reasons, "kind": kinds }));
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
