//! The executor's bodies and lines.

use std::collections::BTreeMap;

use api::{
    agent::{AgentEvent, AgentLine, AgentLineType, StopReason},
    event::{CheckRun, Verdict},
    executor::{
        Ack, AgentResult, Checks, ChecksResult, CloneLine, Commit, CommitResult, Decision, Diff,
        EgressReport, Execute, ExecutionLine, Exit, ExitCause, Failure, GitClone, GitFailure, GitFailureCode,
        Health, InitGit, InitGitResult, Input, Push, PushResult, Refused, SetEgress, git_relay_path,
    },
    task::{Agent, PermissionProfile, RepositorySettings},
};
use serde_json::{Value, json};

use crate::{check_lines, samples::at, wire};

fn execute() -> Execute {
    Execute {
        execution_id: "1-1".into(),
        prompt: "Say hello.".into(),
        agent: Agent::ClaudeCode,
        model: "sonnet".into(),
        resume: Some("45aaeead".into()),
        session: None,
        permission_profile: PermissionProfile::Edit,
        max_turns: Some(50),
        budget_usd: Some(2.5),
        timeout_seconds: 1800,
        model_retries: Some(2),
        model_token: "run-token".into(),
        env: BTreeMap::from([("RUST_LOG".into(), "debug".into())]),
        repository_settings: RepositorySettings::Trusted,
    }
}

/// What the backend sends, by path.
fn requests() -> Value {
    let init = json!({
        "githubUsername": "Robin", "email": "robin@example.org", "sshPrivateKey": null, "sshPublicKey": null,
    });
    // It holds a key, so it can be neither compared nor shown.
    let read: InitGit = serde_json::from_value(init.clone()).expect("a body");
    assert_eq!(serde_json::to_value(read).expect("JSON"), init, "it comes back as it was");
    let checks = Checks {
        checks: vec!["make lint".into()],
        attempt: 2,
        env: BTreeMap::new(),
        commit: Some("c0ffee".repeat(7)[..40].into()),
    };
    json!({
        "POST /init-git": init,
        "POST /git-clone": wire(&GitClone {
            repository_url: "https://git.example/acme/web".into(),
            r#ref: Some("main".into()),
            depth: Some(50),
            work_branch: Some("caisson/1".into()),
            submodules: vec!["https://git.example/acme/lib".into()],
        }),
        "PUT /egress": wire(&SetEgress { allow: vec!["example.org:22".into(), "tool:npm".into()] }),
        "POST /execute": wire(&execute()),
        "POST /executions/{id}/ack": wire(&Ack { n: 17 }),
        "POST /executions/{id}/input": [
            wire(&Input::Message { id: "m-1".into(), text: "Use tabs.".into() }),
            wire(&Input::Answer {
                request_id: "r-1".into(),
                decision: Decision::Allow,
            }),
            wire(&Input::Answer {
                request_id: "r-3".into(),
                decision: Decision::Answer { answers: [("1".to_owned(), json!("Blue"))].into_iter().collect() },
            }),
            wire(&Input::Answer {
                request_id: "r-2".into(),
                decision: Decision::Deny { message: "Not this one.".into() },
            }),
        ],
        "POST /checks": wire(&checks),
        "POST /commit": wire(&Commit { message: "Step 1: say hello".into(), rescue: false }),
        "POST /diff": wire(&Diff { base_commit: Some("0a1b2c3d".into()), max_bytes: 1 << 20 }),
        "POST /push": wire(&Push {
            branch: "caisson/1".into(),
            base_commit: "0a1b2c3d".into(),
            stall_seconds: 120,
        }),
    })
}

/// What the executor answers in one piece, by path.
fn answers() -> Value {
    let check = CheckRun {
        run: "make lint".into(),
        exit_code: None,
        verdict: Verdict::TimedOut,
        why: "it took longer than 600 seconds".into(),
        output: String::new(),
        duration_ms: 600_000,
        attempt: 2,
    };
    let rejected =
        GitFailure { code: GitFailureCode::Rejected, message: "The remote refused the push.".into() };
    json!({
        "PUT /egress": wire(&EgressReport {
            version: 3,
            allowed: vec!["example.org:22".into()],
            refused: vec![Refused { entry: "tool:npm".into(), why: "npm is not installed".into() }],
            denied: Vec::new(),
            notices: vec!["example.org does not resolve".into()],
        }),
        "GET /health": wire(&Health {
            status: "ok".into(),
            version: "0.1.0".into(),
            firewall: "verified".into(),
        }),
        "POST /init-git": wire(&InitGitResult { success: false, message: "The key does not parse.".into() }),
        "POST /checks": wire(&ChecksResult { results: vec![check] }),
        "POST /commit": wire(&CommitResult::default()),
        "POST /push": wire(&PushResult { head_commit: "4d5e6f70".into(), commits: 2, notices: Vec::new() }),
        "a failure": wire(&Failure { error: "The push failed.".into(), git: Some(rejected) }),
    })
}

#[test]
fn bodies_of_the_executor() {
    insta::assert_json_snapshot!("executor", json!({ "requests": requests(), "answers": answers() }));
}

#[test]
fn lines_of_a_clone() {
    let lines = [
        CloneLine::Progress { phase: "receiving".into(), percent: 40 },
        CloneLine::Done { commit: "0a1b2c3d".into(), branch: "caisson/1".into() },
        CloneLine::Failed(GitFailure { code: GitFailureCode::Empty, message: "It has no commits.".into() }),
    ];
    check_lines("clone_lines", &lines);
}

#[test]
fn lines_of_an_execution() {
    let result = AgentResult {
        stop_reason: StopReason::ModelError,
        status: Some(529),
        text: "Overloaded".into(),
        session_id: Some("45aaeead".into()),
    };
    let exit = Exit {
        cause: ExitCause::Exited,
        code: Some(1),
        signal: None,
        result: Some(result),
        stderr: "warning\n".into(),
        memory_kills: 1,
    };
    let lines = [
        ExecutionLine::Agent {
            n: 1,
            at: at(1),
            line: AgentLine::new(AgentEvent::text(AgentLineType::Text, "Hello."), "{}".into()),
        },
        ExecutionLine::Partial { text: "Hel".into(), block: "text".into() },
        ExecutionLine::Stderr { n: 2, at: at(2), text: "warning".into() },
        ExecutionLine::End { n: 3, at: at(3), exit },
    ];
    assert_eq!(lines.each_ref().map(ExecutionLine::n), [Some(1), None, Some(2), Some(3)]);
    check_lines("execution_lines", &lines);
}

#[test]
fn what_an_execution_may_leave_out_has_a_default() {
    let least = json!({
        "executionId": "1-1", "prompt": "Say hello.", "model": "sonnet", "timeoutSeconds": 60, "modelToken": "t",
    });
    let read: Execute = serde_json::from_value(least).expect("enough");
    assert_eq!((read.agent, read.permission_profile), (Agent::ClaudeCode, PermissionProfile::Full));
    assert!(read.env.is_empty() && read.resume.is_none() && read.max_turns.is_none());
}

#[test]
fn http_and_ssh_repositories_have_a_way_through_the_relay() {
    for (repository, path) in [
        ("https://git.example/acme/web.git/", "/git/https/git.example/acme/web.git"),
        ("http://127.0.0.1:9/a", "/git/http/127.0.0.1:9/a"),
        ("ssh://git.example/a", "/git/ssh/git.example/a"),
        ("ssh://git@git.example:2222/acme/web.git/", "/git/ssh/git@git.example:2222/acme/web.git"),
        ("ssh://git@[2001:db8::1]:22/a", "/git/ssh/git@[2001:db8::1]:22/a"),
        ("ssh://git@[2001:db8::1]/a", "/git/ssh/git@[2001:db8::1]/a"),
        ("git@git.example:acme/web.git", "/git/ssh/git@git.example/acme/web.git"),
        ("git@Git.Example:/acme/web.git", "/git/ssh/git@git.example/acme/web.git"),
        ("git@[2001:db8::1]:acme/web", "/git/ssh/git@[2001:db8::1]/acme/web"),
        ("git.example:a", "/git/ssh/git.example/a"),
    ] {
        assert_eq!(git_relay_path(repository).as_deref(), Some(path), "{repository}");
    }
}

#[test]
fn what_is_no_address_of_a_repository_has_no_way_through_the_relay() {
    for other in [
        "file:///a",
        "HTTPS",
        "/a",
        "../a",
        "-oProxyCommand=x:a",
        "ssh://-oProxyCommand=x/a",
        "git@-host:a",
        "-u@host:a",
        "ext::sh -c x",
        "ext::sh",
        "git@host:-option",
        "git@host:a/../b",
        "git@host:a b",
        "git@host:a;b",
        "git@host:$(b)",
        "git@host:a\nb",
        "git@host:",
        "ssh://host",
        "ssh://host/",
        "ssh://host:0/a",
        "ssh://host:99999/a",
        "ssh://host:x/a",
        "ssh://user:password@host/a",
        "user:password@host:a",
        "ssh://a@b@host/a",
        "ssh://[not-an-address]/a",
        "git@host:a%2e%2e/b",
        "]:",
        "",
    ] {
        assert_eq!(git_relay_path(other), None, "{other}");
    }
}
