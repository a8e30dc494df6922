//! Nothing that is written of a run holds a secret, whatever kind of event it is in.

use api::{
    Timestamp,
    agent::{
        AgentLineType, DeniedCall, Location, PlanEntry, PlanState, Question, RequestKind, Retry, Session,
        ToolCall, ToolResult,
    },
    event::{CheckRun, EgressEvent, Notice, Progress, StateChange, UserMessage, Verdict},
    run::{Artifact, GateKind, Reason, RunState},
};

use uuid::Uuid;

use super::*;
use crate::store::{NewEvent, RunPatch};

#[test]
fn a_request_is_kept_without_a_secret_and_can_be_answered_all_the_same() {
    let value = Secret::new(VALUE);
    let mask = Mask::new([("A", &value)]);
    let question = Question { id: "1".to_owned(), text: told(), ..Question::default() };
    let request = PermissionRequest {
        id: "r-1".to_owned(),
        kind: RequestKind::Question,
        text: told(),
        questions: vec![question],
        ..PermissionRequest::default()
    };
    let kept = kept_request(&mask, &request).unwrap();
    assert!(!kept.contains("s3cr3t"), "{kept}");
    let kept: PermissionRequest = serde_json::from_str(&kept).unwrap();
    assert_eq!((kept.id.as_str(), kept.decide("yes")), ("r-1", request.decide("yes")));
}

/// An agent that says a secret in every part of an event.
fn agent_line() -> AgentLine {
    let tool = ToolCall {
        id: told(),
        name: told(),
        title: told(),
        input: serde_json::json!({ told(): [told()] }),
        locations: vec![Location { path: told(), line: None, lines: None }],
        ..ToolCall::default()
    };
    let event = AgentEvent {
        session: Some(Session { id: told(), model: Some(told()) }),
        text: Some(told()),
        tool: Some(tool),
        result: Some(ToolResult { id: told(), output: told(), ..ToolResult::default() }),
        plan: Some(vec![PlanEntry { text: told(), state: PlanState::Pending }]),
        request: Some(PermissionRequest {
            id: told(),
            text: told(),
            tool: told(),
            ..PermissionRequest::default()
        }),
        denied: vec![DeniedCall { id: told(), name: told() }],
        retry: Some(Retry { attempt: 1, max: 1, delay_ms: 1, error: told() }),
        parent: Some(told()),
        ..AgentEvent::new(AgentLineType::ToolUse)
    };
    let raw = serde_json::json!({ "type": "assistant", "text": told() }).to_string();
    AgentLine { more: vec![event.clone()], event: Box::new(event), raw }
}

#[test]
fn an_event_of_an_agent_keeps_its_shape() {
    let value = Secret::new(VALUE);
    let mut line = agent_line();
    super::agent_line(&Mask::new([("A", &value)]), &mut line);
    assert!(!format!("{line:?}").contains("s3cr3t"), "{line:?}");
    for event in line.events() {
        assert_eq!(event.text.as_deref(), Some("it is [secret A], so"));
        assert_eq!(event.tool.as_ref().unwrap().input["it is [secret A], so"][0], "it is [secret A], so");
    }
}

#[test]
fn a_secret_that_is_a_word_of_ours_leaves_the_raw_line_only() {
    let value = Secret::new("tool_result");
    let mut line = agent_line();
    line.event.r#type = AgentLineType::ToolResult;
    super::agent_line(&Mask::new([("A", &value)]), &mut line);
    assert!(line.event.is_empty() && !line.more.is_empty());
}

const VALUE: &str = "s3cr3t \"value\" of\\it";

fn told() -> String {
    format!("it is {VALUE}, so")
}

fn events() -> Vec<EventBody> {
    let shown = Gate {
        id: Uuid::nil(),
        kind: GateKind::Question,
        text: told(),
        options: vec![told()],
        since: Timestamp::UNIX_EPOCH,
        until: None,
        answer: Some(told()),
    };
    let check = CheckRun {
        run: told(),
        exit_code: None,
        verdict: Verdict::Failed,
        why: told(),
        output: told(),
        duration_ms: 0,
        attempt: 1,
    };
    let egress = EgressEvent {
        host: told(),
        port: None,
        allowed: false,
        count: 1,
        why: told(),
        process: Some(told()),
    };
    let state = StateChange { state: RunState::Ended, outcome: None, reason: None, detail: Some(told()) };
    vec![
        EventBody::Agent(agent_line()),
        EventBody::Notice(Notice { about: "stderr".into(), text: told() }),
        EventBody::Progress(Progress { phase: "clone".into(), text: told(), percent: None }),
        EventBody::User(UserMessage { text: told() }),
        EventBody::Gate(shown),
        EventBody::Check(check),
        EventBody::Git(GitAction::Commit { commit: "0".into(), summary: told() }),
        EventBody::Git(GitAction::PullRequest { url: told(), state: "open".into() }),
        EventBody::Egress(egress),
        EventBody::State(state),
    ]
}

#[test]
fn every_kind_of_event_and_every_field_of_a_run_is_masked() {
    let value = Secret::new(VALUE);
    let mask = Mask::new([("A", &value)]);
    let mut write = RunWrite::of(RunId(Uuid::nil())).end(Reason::Internal, told());
    for body in events() {
        write.events.push(NewEvent { at: Timestamp::UNIX_EPOCH, step: None, body, n: None });
    }
    let EventBody::Gate(shown) = events().swap_remove(4) else { panic!("the gate") };
    let one = Denied {
        host: told(),
        port: None,
        count: 1,
        last_at: Timestamp::UNIX_EPOCH,
        why: told(),
        process: Some(told()),
    };
    write.patch = RunPatch {
        agent_session: Some(told()),
        model: Some(told()),
        gate: Some(Some(shown)),
        denied: Some(vec![one]),
        artifacts: Some(vec![Artifact { name: "a.patch".into(), bytes: 1, what: told() }]),
        work: Some(Work {
            not_committed: vec![NotCommitted { path: told(), bytes: 1, why: told() }],
            elsewhere: vec![Elsewhere { place: told(), commit: "abc".into(), commits: 1 }],
            denied: [("call".into(), told())].into(),
            outside: [("call".into(), told())].into(),
            cut: [("a.patch".into(), 1)].into(),
            told: vec![told()],
        }),
        ..RunPatch::default()
    };
    assert!(format!("{write:?}").contains("s3cr3t"), "it was in there");
    let kinds = write.events.len();
    apply(&mask, &mut write);
    let shown = format!("{write:?}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert!(kinds < shown.matches("[secret A]").count(), "{shown}");
}
