//! Requests, answers, refusals and streams.

use std::convert::Infallible;

use api::{
    event::{AgentLine, AgentLineType, CheckRun},
    executor::{EgressReport, Exit, ExitCause, GitFailure, GitFailureCode},
    task::Check,
};
use axum::body::Body;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use super::*;

fn health() -> Json<Value> {
    Json(json!({"status": "ok", "version": "0.1.0", "firewall": "verified"}))
}

fn ndjson(lines: &[Value]) -> Response {
    let chunks = lines.iter().map(|line| Ok::<_, Infallible>(format!("{line}\n"))).collect::<Vec<_>>();
    Body::from_stream(stream::iter(chunks)).into_response()
}

fn agent_line(n: u64, raw: String) -> ExecutionLine {
    let line = AgentLine { r#type: AgentLineType::Text, raw };
    ExecutionLine::Agent { n, at: api::Timestamp::UNIX_EPOCH, line }
}

fn end(n: u64) -> ExecutionLine {
    let exit = Exit {
        cause: ExitCause::Exited,
        code: Some(0),
        signal: None,
        result: None,
        stderr: String::new(),
        memory_kills: 0,
    };
    ExecutionLine::End { n, at: api::Timestamp::UNIX_EPOCH, exit }
}

fn execute() -> Execute {
    serde_json::from_value(json!({
        "executionId": "step-1", "prompt": "p", "model": "m", "resume": null, "session": null, "maxTurns": null,
        "budgetUsd": null, "timeoutSeconds": 60, "modelToken": "mt",
    }))
    .unwrap()
}

#[tokio::test]
async fn an_executor_that_comes_late_is_waited_for() {
    let executor = Executor::start_late(4, |_| health().into_response()).await;
    let answer = executor.agent.wait_ready(Duration::from_secs(20)).await.unwrap();
    assert_eq!(answer.firewall, "verified");
}

#[tokio::test]
async fn an_executor_that_never_comes_is_given_up() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let agent = agent_at(port, TOKEN);
    let error = agent.wait_ready(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable(why) if why.contains("refused")), "{error}");
}

#[tokio::test]
async fn something_else_on_the_port_is_not_waited_for() {
    let executor = Executor::start(|_| "hello".into_response()).await;
    let error = executor.agent.wait_ready(Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_refused_in_the_executors_words() {
    let executor = Executor::start(|_| health().into_response()).await;
    let error = agent_at(executor.port, "wrong").health().await.unwrap_err();
    assert_eq!(error.to_string(), "the executor refused (401): the bearer token is wrong");
    assert_eq!(executor.asked(), []);
}

#[tokio::test]
async fn requests_are_what_the_wire_says() {
    let executor = Executor::start(|uri| {
        let answer = match uri.path() {
            "/init-git" => json!({"success": true, "message": "done"}),
            "/checks" => json!({"results": []}),
            "/commit" => json!({"commit": null}),
            "/push" => json!({"headCommit": "abc", "commits": 2}),
            _ => return StatusCode::NO_CONTENT.into_response(),
        };
        Json(answer).into_response()
    })
    .await;
    let agent = &executor.agent;
    let identity = InitGit {
        github_username: "u".to_owned(),
        email: "e".to_owned(),
        ssh_private_key: None,
        ssh_public_key: None,
    };
    agent.init_git(&identity).await.unwrap();
    let checks =
        Checks { checks: vec![Check::from("true")], attempt: 2, env: Default::default(), commit: None };
    assert_eq!(agent.checks(&checks).await.unwrap().results, Vec::<CheckRun>::new());
    assert_eq!(agent.commit(&Commit { message: "m".to_owned(), rescue: false }).await.unwrap().commit, None);
    let push = Push { branch: "b".to_owned(), base_commit: "c".to_owned(), stall_seconds: 120 };
    assert_eq!(agent.push(&push).await.unwrap().commits, 2);
    agent.ack("step-1", 7).await.unwrap();
    agent.input("step-1", &Input::Message { id: "a".to_owned(), text: "go on".to_owned() }).await.unwrap();
    agent.cancel("a/../b c").await.unwrap();

    let asked: Vec<_> = executor.asked().into_iter().map(|(_, uri, body)| (uri, body)).collect();
    let expected = [
        ("/init-git", serde_json::to_value(&identity).unwrap()),
        ("/checks", serde_json::to_value(&checks).unwrap()),
        ("/commit", json!({"message": "m", "rescue": false})),
        ("/push", json!({"branch": "b", "baseCommit": "c", "stallSeconds": 120})),
        ("/executions/step-1/ack", json!({"n": 7})),
        ("/executions/step-1/input", json!({"type": "message", "id": "a", "text": "go on"})),
        ("/executions/a%2F..%2Fb%20c/cancel", Value::Null),
    ];
    assert_eq!(asked, expected.map(|(path, body)| (path.to_owned(), body)));
}

#[tokio::test]
async fn what_was_refused_so_far_is_asked_for_without_a_version_to_wait_for() {
    let report = EgressReport::default();
    let answer = report.clone();
    let executor = Executor::start(move |_| Json(answer.clone()).into_response()).await;
    assert_eq!(executor.agent.egress().await.unwrap(), report);
    assert_eq!(executor.agent.egress_after(0).await.unwrap(), report);
    let asked: Vec<_> = executor.asked().into_iter().map(|(_, path, _)| path).collect();
    assert_eq!(asked, ["/egress", "/egress?after=0"]);
}

#[tokio::test]
async fn a_failure_of_git_comes_whole() {
    let failure = Failure {
        error: "the remote refused the push".to_owned(),
        git: Some(GitFailure { code: GitFailureCode::Rejected, message: "protected branch".to_owned() }),
    };
    let told = failure.clone();
    let executor = Executor::start(move |_| (StatusCode::CONFLICT, Json(told.clone())).into_response()).await;
    let push = Push { branch: "b".to_owned(), base_commit: "c".to_owned(), stall_seconds: 1 };
    match executor.agent.push(&push).await.unwrap_err() {
        Error::Refused { status, failure: got } => assert_eq!((status, got), (409, failure)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_refused_with_the_reason() {
    let body = json!({"success": false, "message": "the private key does not parse"});
    let executor =
        Executor::start(move |_| (StatusCode::BAD_REQUEST, Json(body.clone())).into_response()).await;
    let identity: InitGit =
        serde_json::from_value(json!({"githubUsername": "u", "email": "e", "sshPrivateKey": "x"})).unwrap();
    let error = executor.agent.init_git(&identity).await.unwrap_err();
    assert_eq!(error.to_string(), "the executor refused (400): the private key does not parse");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_whole() {
    let executor = Executor::start(|_| {
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(vec![b' '; 1 << 20]));
        Body::from_stream(endless).into_response()
    })
    .await;
    let error = executor.agent.commit(&Commit { message: "m".to_owned(), rescue: false }).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
}

#[tokio::test]
async fn what_was_kept_is_listed_and_fetched_byte_for_byte_up_to_a_limit() {
    let bytes: Vec<u8> = (0..=255).collect();
    let content = bytes.clone();
    let executor = Executor::start(move |uri| match uri.path() {
        "/kept" => {
            Json(json!({"artifacts": [{"name": "a.bundle", "bytes": 256, "what": "All."}]})).into_response()
        }
        "/kept/a.bundle" => content.clone().into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await;
    let agent = &executor.agent;
    let kept = agent.kept().await.unwrap().artifacts;
    assert_eq!(kept[0].usage().as_deref(), Some("git fetch a.bundle 'refs/*:refs/caisson/*'"));
    assert_eq!(agent.kept_bytes("a.bundle", 256).await.unwrap(), bytes);
    let error = agent.kept_bytes("a.bundle", 255).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    let error = agent.kept_bytes("../kept", 255).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 404, .. }), "one segment, whatever is in it: {error}");
}

#[tokio::test]
async fn an_execution_is_followed_to_its_end() {
    // Longer than any buffer on the way.
    let expected = [agent_line(1, "short".to_owned()), agent_line(2, "x".repeat(3 << 20)), end(3)];
    let lines = expected.clone().map(|line| serde_json::to_value(line).unwrap());
    let executor = Executor::start(move |_| ndjson(&lines)).await;
    let stream = executor.agent.execute(&execute()).await.unwrap();
    assert_eq!(stream.map_ok(|(line, _turn)| line).try_collect::<Vec<_>>().await.unwrap(), expected);
    let (method, path, body) = executor.asked().remove(0);
    assert_eq!((method, path.as_str()), (Method::POST, "/execute"));
    assert_eq!(serde_json::from_value::<Execute>(body).unwrap(), execute());
}

#[tokio::test]
async fn a_cut_execution_is_told_and_goes_on_from_the_last_line() {
    let executor = Executor::start(|uri| match uri.query() {
        Some("after=1") => ndjson(&[serde_json::to_value(end(2)).unwrap()]),
        _ => {
            let line = serde_json::to_string(&agent_line(1, "one".to_owned())).unwrap();
            let cut = std::io::Error::other("cut");
            let parts = [Ok(format!("{line}\n")), Ok("{\"type\":".to_owned()), Err(cut)];
            // A pause before each part: the parts before the cut are on their way when it comes.
            let parts = stream::iter(parts).then(|part| async {
                tokio::task::yield_now().await;
                part
            });
            Body::from_stream(parts).into_response()
        }
    })
    .await;
    let cut: Vec<_> = executor.agent.execute(&execute()).await.unwrap().collect().await;
    assert!(matches!(cut.as_slice(), [Ok(_), Err(Error::Unreachable(_))]), "{cut:?}");
    let rest = executor.agent.events("step-1", 1).await.unwrap();
    assert_eq!(rest.map_ok(|(line, _turn)| line).try_collect::<Vec<_>>().await.unwrap(), [end(2)]);
    assert_eq!(executor.asked()[1].1, "/executions/step-1/events?after=1");
}

#[tokio::test]
async fn a_clone_ends_with_its_failure() {
    let lines = [
        json!({"type": "progress", "phase": "receiving", "percent": 40}),
        json!({"type": "failed", "code": "not_found", "message": "no such repository"}),
    ];
    let executor = Executor::start(move |_| ndjson(&lines)).await;
    let body = GitClone {
        submodules: Vec::new(),
        repository_url: "https://example.com/a/b".to_owned(),
        r#ref: None,
        depth: Some(1),
        work_branch: None,
    };
    let stream = executor.agent.clone_repository(&body).await.unwrap();
    let lines: Vec<CloneLine> = stream.try_collect().await.unwrap();
    assert!(matches!(&lines[1], CloneLine::Failed(failure) if failure.code == GitFailureCode::NotFound));
}

#[tokio::test]
async fn an_execution_nobody_knows_is_refused() {
    let executor = Executor::start(|_| StatusCode::NOT_FOUND.into_response()).await;
    let error = executor.agent.events("gone", 0).await.map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the executor refused (404): 404 Not Found");
}
