//! Nothing that is written of a run holds a secret, whatever kind of event it is in.

use api::{
    Timestamp,
    event::{
        AgentLine, AgentLineType, CheckRun, EgressEvent, Notice, Progress, StateChange, UserMessage, Verdict,
    },
    run::{Artifact, GateKind, Reason, RunState},
};

use super::*;
use crate::{
    secrets::Key,
    store::{NewEvent, RunPatch},
};

#[test]
fn a_request_with_a_secret_is_kept_sealed_and_comes_back_as_it_was() {
    let keys = KeyRing::new(&[], Key::new(zeroize::Zeroizing::new([7; 32])));
    let value = Secret::new(VALUE);
    let mask = Mask::new([("A", &value)]);
    let gate = Uuid::from_u128(1);
    let ask = serde_json::json!({ "type": "control_request", "command": told() }).to_string();
    let kept = keep_ask(&keys, &mask, gate, &ask);
    assert!(kept.starts_with(SEALED) && !kept.contains("s3cr3t"), "{kept}");
    assert_eq!(kept_ask(&keys, gate, &kept), Some(ask));
    assert_eq!(kept_ask(&keys, Uuid::from_u128(2), &kept), None, "of another gate it is not");
    let harmless = r#"{"type":"control_request"}"#;
    assert_eq!(keep_ask(&keys, &mask, gate, harmless), harmless);
    assert_eq!(kept_ask(&keys, gate, harmless).as_deref(), Some(harmless));
}

const VALUE: &str = "s3cr3t \"value\" of\\it";

fn told() -> String {
    format!("it is {VALUE}, so")
}

fn events() -> Vec<EventBody> {
    let raw = serde_json::json!({ "type": "assistant", "text": told() }).to_string();
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
        EventBody::Agent(AgentLine { r#type: AgentLineType::Text, raw }),
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
