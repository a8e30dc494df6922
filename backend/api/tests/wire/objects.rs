//! The nouns: tasks, runs, instances, pages, what the server says of itself, errors, and every name of an enum.

use std::{collections::BTreeMap, fmt::Debug};

use api::{
    error::ApiError,
    event::{AgentLineType, Verdict},
    executor::{ExitCause, GitFailureCode},
    id::{InstanceId, RunId},
    instance::{Denied, Egress, Instance, InstanceRemoved, InstanceState},
    page::Page,
    run::{GateKind, Outcome, Overrides, Reason, RunState},
    system::{API_VERSION, Finding, Job, Part, Status, Version},
    task::{Agent, Check, PermissionProfile},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    check_lines,
    samples::{at, ended, full_spec, plain_spec, queued, task, uuid, waiting},
    wire,
};

#[test]
fn a_task_is_flat() {
    insta::assert_json_snapshot!("task", wire(&task(full_spec())));
    let by_default = wire(&plain_spec());
    insta::assert_json_snapshot!("task_defaults", by_default);
}

#[test]
fn a_check_is_a_command_line_or_an_object() {
    let long = json!({ "run": "make", "timeoutSeconds": null, "expect": null, "clean": false });
    let earlier = json!({ "run": "make", "timeoutSeconds": null, "expect": null });
    let unset = json!({ "run": "make", "clean": null });
    for spelling in [json!("make"), json!({ "run": "make" }), long.clone(), earlier, unset] {
        let check: Check = serde_json::from_value(spelling).expect("a check");
        assert_eq!(check, "make".into());
        assert_eq!(wire(&check), long, "the server writes the long one");
    }
    let check: Check = serde_json::from_value(json!({ "run": "make", "timeoutSeconds": 5, "expect": "ok$" }))
        .expect("a check");
    assert_eq!((check.timeout_seconds, check.expect.as_deref(), check.clean), (Some(5), Some("ok$"), false));
    let check: Check = serde_json::from_value(json!({ "run": "make", "clean": true })).expect("a check");
    assert!(check.clean);
}

#[test]
fn a_run_says_nothing_of_what_is_not_yet() {
    insta::assert_json_snapshot!("run_ended", wire(&ended()));
    // Only what differs: the rest is above.
    let ended = wire(&ended());
    let states =
        json!({ "queued": changed(&ended, &wire(&queued())), "waiting": changed(&ended, &wire(&waiting())) });
    insta::assert_json_snapshot!("run_states", states);
    let overrides = Overrides {
        model: Some("opus".into()),
        budget_usd: Some(1.5),
        timeout_seconds: Some(60),
        step_timeout_seconds: Some(30),
        priority: Some(5),
    };
    check_lines("overrides", &[Overrides::default(), overrides]);
    assert_eq!(serde_json::from_str::<Overrides>("{}").expect("all of it is optional"), Overrides::default());
}

fn changed(from: &Value, to: &Value) -> Value {
    let to = to.as_object().expect("an object");
    to.iter()
        .filter(|(key, value)| from[*key] != **value)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[test]
fn an_instance_tells_its_use_and_its_refusals() {
    let denied = Denied {
        host: "evil.example".into(),
        port: Some(443),
        count: 3,
        last_at: at(50),
        why: "is not allowed".into(),
        process: Some("curl".into()),
    };
    let instance = Instance {
        id: InstanceId(uuid(3)),
        run_id: RunId(uuid(2)),
        state: InstanceState::Busy,
        container_id: Some("c0ffee".into()),
        image: "caisson-executor:dev".into(),
        host: Some("127.0.0.1:49153".into()),
        cpu_percent: Some(97.5),
        memory_bytes: Some(123_456_789),
        memory_limit_bytes: 4 << 30,
        egress: Egress { allowed: vec!["crates.example".into()], denied: vec![denied] },
        created_at: at(5),
        ready_at: Some(at(8)),
        removed_at: None,
    };
    insta::assert_json_snapshot!("instance", wire(&instance));
    assert_eq!(wire(&InstanceRemoved { status: "removed".into() }), json!({ "status": "removed" }));
}

#[test]
fn a_page_ends_with_null() {
    let pages = [
        Page { items: vec![1], next: Some("019b7c1e-3a2e-7000-8000-000000000002".to_owned()) },
        Page { items: Vec::new(), next: None },
    ];
    check_lines("page", &pages);
}

#[test]
fn the_server_describes_itself() {
    let version = Version { version: "0.1.0".into(), api: API_VERSION, commit: "unknown".into() };
    insta::assert_json_snapshot!("version", wire(&version));
    let well = Part { ok: true, detail: "SQLite".into() };
    let status = Status {
        runs: BTreeMap::from([("queued".into(), 2), ("ended".into(), 7)]),
        instances: 1,
        queue: 2,
        slots: 4,
        database: well.clone(),
        engine: Part { ok: false, detail: "no answer".into() },
        image: well.clone(),
        model: well,
        gates_waiting: 1,
        oldest_queued_at: Some(at(0)),
        events_stored: 1_234,
        batches_active: 1,
        disk_free_bytes: Some(1 << 30),
        disk_total_bytes: Some(1 << 40),
        stalled: vec![RunId(uuid(2))],
        now: Some(at(60)),
        findings: vec![Finding { name: "disk".into(), ok: false, detail: "nearly full".into() }],
        jobs: vec![Job {
            name: "dispatch".into(),
            period_seconds: 5,
            ok: true,
            detail: "ok".into(),
            last_at: Some(at(59)),
            duration_ms: Some(3),
            passes: 12,
            failures: 0,
        }],
    };
    insta::assert_json_snapshot!("status", wire(&status));
}

#[test]
fn every_error_has_its_code_and_its_sentence() {
    let text = str::to_owned;
    let errors = [
        ApiError::invalid("steps[0].instructions", "is blank"),
        ApiError::Internal { reference: "019b7c1e".into() },
        ApiError::Unauthenticated { why: text("no token was sent") },
        ApiError::Unavailable { what: text("engine"), why: text("no answer"), retry_after_ms: 2_000 },
        ApiError::NotFound { what: text("run"), id: uuid(2).to_string() },
        ApiError::Forbidden { why: text("another origin") },
        ApiError::Limit { limit: text("CAISSON_MAX_BODY"), value: 1024 },
        ApiError::Conflict { why: text("the task was changed") },
    ];
    let lines = errors.map(|error| format!("{} {}\n       {}", error.code(), wire(&error), error));
    insta::assert_snapshot!("errors", lines.join("\n"));
}

#[test]
fn the_words_of_the_contract_are_closed_lists() {
    use AgentLineType as L;
    use ExitCause as E;
    use GitFailureCode as G;
    use InstanceState as I;
    use PermissionProfile as P;
    let lists = [
        words("run state", &RunState::ALL),
        words("outcome", &[Outcome::Succeeded, Outcome::Failed, Outcome::Cancelled, Outcome::Lost]),
        words("gate kind", &[GateKind::Question, GateKind::Approval, GateKind::Budget, GateKind::RateLimit]),
        words("agent", &[Agent::ClaudeCode]),
        words("permission profile", &[P::Full, P::Edit, P::ReadOnly, P::Ask]),
        words(
            "instance state",
            &[I::Creating, I::Starting, I::Ready, I::Busy, I::Stopping, I::Removed, I::Failed],
        ),
        words("agent line", &[L::Init, L::Text, L::Thinking, L::ToolUse, L::ToolResult, L::Todo]),
        words("agent line", &[L::Subagent, L::Retry, L::RateLimit, L::Usage, L::Result, L::Other]),
        words("verdict", &[Verdict::Passed, Verdict::Failed, Verdict::TimedOut, Verdict::Vacuous]),
        words("git failure", &[G::NotFound, G::AuthRequired, G::Empty, G::UnknownRef]),
        words("git failure", &[G::Rejected, G::Network, G::DiskFull, G::Other]),
        words("exit cause", &[E::Exited, E::Cancelled, E::Timeout, E::HungAfterResult]),
        words("exit cause", &[E::NotStarted, E::DiskFull, E::ExecutorRestarted]),
    ];
    insta::assert_snapshot!("words", lists.join("\n"));
}

#[test]
fn every_reason_has_an_outcome_and_words() {
    use Reason as R;
    let reasons = [
        R::Completed,
        R::NoChanges,
        R::AgentStopped,
        R::Conflicts,
        R::CheckFailed,
        R::AgentError,
        R::AgentCrashed,
        R::AgentHung,
        R::MaxTurns,
        R::BudgetExhausted,
        R::Timeout,
        R::OutOfMemory,
        R::DiskFull,
        R::LogFull,
        R::AuthFailed,
        R::RateLimited,
        R::ModelUnavailable,
        R::CloneFailed,
        R::RepositoryNotFound,
        R::PushNotPermitted,
        R::PushFailed,
        R::ImageMissing,
        R::EngineUnavailable,
        R::FirewallFailed,
        R::InstanceLost,
        R::CancelledByUser,
        R::InvalidConfiguration,
        R::Internal,
    ];
    let lines =
        reasons.map(|reason| format!("{} -> {}: {}", wire(&reason), wire(&reason.outcome()), reason.words()));
    insta::assert_snapshot!("reasons", lines.join("\n"));
}

fn words<T: Serialize + DeserializeOwned + PartialEq + Debug>(of: &str, values: &[T]) -> String {
    format!("{of}: {}", Value::from_iter(values.iter().map(wire)))
}
