//! Values as they occur, for more than one test.

use std::collections::BTreeMap;

use api::{
    Timestamp,
    id::{BatchId, InstanceId, RunId, TaskId},
    run::{
        Artifact, Cost, Denials, DeniedHost, DeniedTool, Gate, GateKind, NotCommitted, Outcome, PullRequest,
        Reason, Run, RunState, Usage,
    },
    task::{Agent, Check, EnvValue, PermissionProfile, RepositorySettings, Step, Task, TaskSpec},
};
use serde_json::json;
use uuid::Uuid;

/// The first moment of these tests, and moments after it.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_767_323_045_678_901 + seconds * 1_000_000).expect("a moment")
}

/// An id that tells by its last digits which one it is.
pub(crate) fn uuid(last: u128) -> Uuid {
    Uuid::from_u128(0x019b_7c1e_3a2e_7000_8000_0000_0000_0000 + last)
}

pub(crate) fn plain_spec() -> TaskSpec {
    TaskSpec::new("Add a greeting", vec![Step { instructions: "Say hello.".into(), checks: Vec::new() }])
}

/// A definition in which everything is set.
pub(crate) fn full_spec() -> TaskSpec {
    let check = Check {
        run: "cargo test".into(),
        timeout_seconds: Some(900),
        expect: Some("test result: ok".into()),
        clean: true,
    };
    TaskSpec {
        name: "Add a greeting".into(),
        description: "Greets in *every* language.".into(),
        steps: vec![
            Step {
                instructions: "Say hello.\n\nIn Dutch, too.".into(),
                checks: vec!["make lint".into(), check],
            },
            Step { instructions: "Write a test.".into(), checks: Vec::new() },
        ],
        agent: Agent::ClaudeCode,
        model: Some("sonnet".into()),
        permission_profile: PermissionProfile::ReadOnly,
        budget_usd: Some(2.5),
        max_turns: Some(50),
        timeout_seconds: 7200,
        step_timeout_seconds: 1800,
        egress: vec!["crates.example".into()],
        env: BTreeMap::from([
            ("DEPLOY_KEY".into(), EnvValue::Secret("deploy-key".into())),
            ("RUST_LOG".into(), "debug".into()),
        ]),
        output_schema: Some(json!({ "type": "object" })),
        image: Some("caisson-go:1".into()),
        models: vec!["claude-sonnet-*".into()],
        repository_settings: RepositorySettings::Trusted,
        submodules: vec!["acme/lib".into()],
    }
}

pub(crate) fn task(spec: TaskSpec) -> Task {
    Task {
        id: TaskId(uuid(1)),
        version: 3,
        owner: Some("admin".into()),
        spec,
        created_at: at(0),
        updated_at: at(60),
        archived_at: Some(at(120)),
    }
}

/// A run that nobody has begun.
pub(crate) fn queued() -> Run {
    let id = RunId(uuid(2));
    Run {
        id,
        task_id: TaskId(uuid(1)),
        task: plain_spec(),
        repository: "acme/web".into(),
        r#ref: None,
        base_commit: None,
        branch: format!("caisson/{id}"),
        state: RunState::Queued,
        outcome: None,
        reason: None,
        detail: None,
        step: 0,
        attempt: 0,
        retry_of: None,
        auto_retries: 0,
        batch_id: None,
        owner: Some("admin".into()),
        priority: 0,
        instance_id: None,
        agent_session: None,
        model: None,
        cost: Cost { usd: 0.0, known: true },
        usage: Usage::default(),
        pull_request: None,
        head_commit: None,
        last_seq: 1,
        gate: None,
        artifacts: Vec::new(),
        not_committed: Vec::new(),
        denied: Denials::default(),
        events_removed_at: None,
        version: 1,
        created_at: at(0),
        started_at: None,
        ended_at: None,
    }
}

/// A run that waits for an answer.
pub(crate) fn waiting() -> Run {
    Run {
        state: RunState::Waiting,
        r#ref: Some("release/1.2".into()),
        base_commit: Some("0a1b2c3d".into()),
        step: 1,
        attempt: 2,
        instance_id: Some(InstanceId(uuid(3))),
        agent_session: Some("45aaeead-1d28-422e-8362-84457815444c".into()),
        model: Some("sonnet".into()),
        cost: Cost { usd: 0.25, known: false },
        last_seq: 42,
        gate: Some(gate()),
        version: 12,
        started_at: Some(at(5)),
        ..queued()
    }
}

/// A run that ended well, with everything it can have.
pub(crate) fn ended() -> Run {
    Run {
        state: RunState::Ended,
        outcome: Some(Outcome::Succeeded),
        reason: Some(Reason::Completed),
        detail: Some("Every step was done and 2 commits were pushed.".into()),
        retry_of: Some(RunId(uuid(7))),
        batch_id: Some(BatchId(uuid(8))),
        priority: 5,
        artifacts: vec![Artifact {
            name: "changes.patch".into(),
            bytes: 812,
            what: "Everything since the base commit.".into(),
        }],
        not_committed: vec![NotCommitted {
            path: ".env".into(),
            bytes: 12,
            why: "It looks like a credential; left-out.tar.gz has it.".into(),
        }],
        denied: Denials {
            tools: vec![DeniedTool { name: "Bash".into(), count: 3 }],
            hosts: vec![DeniedHost { host: "example.org".into(), count: 12 }],
        },
        cost: Cost { usd: 0.75, known: true },
        usage: Usage {
            input_tokens: 12_623,
            output_tokens: 345,
            cache_read_tokens: 6_000,
            cache_creation_tokens: 700,
        },
        pull_request: Some(PullRequest {
            url: "https://git.example/acme/web/pull/7".into(),
            state: "draft".into(),
        }),
        head_commit: Some("4d5e6f70".into()),
        last_seq: 99,
        gate: None,
        version: 31,
        ended_at: Some(at(900)),
        ..waiting()
    }
}

pub(crate) fn gate() -> Gate {
    Gate {
        id: uuid(4),
        kind: GateKind::RateLimit,
        text: "The model's limit is reached.".into(),
        options: vec!["stop".into()],
        since: at(30),
        until: Some(at(3630)),
        answer: None,
    }
}
