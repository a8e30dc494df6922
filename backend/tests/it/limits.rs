//! What one caller may take: calls a second, calls at once, the size of a message.

use jsonrpsee::core::client::{ClientT, Error};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::served::{Served, TOKEN};

const SLOW: [&str; 2] = ["--calls-per-second=1", "--calls-burst=5"];

fn version(id: u32) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "system.version" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_calls_too_often_is_told_the_limit_on_every_way() {
    let server = Served::start(&SLOW).await;
    let batch = Value::from_iter((0..50).map(version)).to_string();
    let answers: Vec<Value> = server.send(batch).await.json().await.expect("JSON");
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["error"].is_object()).collect();
    assert!((44..=45).contains(&refused.len()), "a batch is as many calls as are in it: {}", refused.len());
    let limit = json!({ "kind": "limit", "limit": "CAISSON_CALLS_PER_SECOND", "value": 1 });
    assert_eq!((&refused[0]["error"]["code"], &refused[0]["error"]["data"]), (&json!(-32008), &limit));

    let socket = server.client().await;
    let mut over = None;
    for _ in 0..20 {
        over = over.or(socket.request::<Value, _>("system.version", jsonrpsee::rpc_params![]).await.err());
    }
    assert!(matches!(&over, Some(Error::Call(error)) if error.code() == -32008), "{over:?}");

    let mut last = None;
    for _ in 0..20 {
        last = Some(server.get("/metrics").bearer_auth(TOKEN).send().await.expect("an answer"));
    }
    let last = last.expect("an answer");
    assert_eq!(
        (last.status(), &last.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse().expect("1"))
    );
    let body: Value = last.json().await.expect("JSON");
    assert_eq!(body["error"]["data"], limit);
    let events =
        server.get("/api/runs/019b7c1e-3a2e-7000-8000-000000000001/events").bearer_auth(TOKEN).send().await;
    assert_eq!(events.expect("an answer").status(), StatusCode::TOO_MANY_REQUESTS, "streams too");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_callers_rate_is_not_anothers() {
    let server = Served::start(&SLOW).await;
    let login = server.post_to("/api/login", json!({ "token": TOKEN })).send().await.expect("an answer");
    let cookie =
        login.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("it").to_owned();
    for id in 0..20 {
        server.send(version(id).to_string()).await;
    }
    let own = format!("http://{}", server.address);
    let session =
        server.post(version(1).to_string()).header("cookie", cookie).header("origin", own).send().await;
    let session: Value = session.expect("an answer").json().await.expect("JSON");
    assert_eq!(session["result"]["api"], 1, "{session}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_limited_by_their_address() {
    let server = Served::start(&SLOW).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        let answer = server.post(version(1).to_string()).send().await.expect("an answer");
        seen.push((answer.status(), answer.headers().get("retry-after").is_some()));
    }
    assert_eq!(seen[0], (StatusCode::UNAUTHORIZED, false));
    assert!(seen.contains(&(StatusCode::TOO_MANY_REQUESTS, true)), "{seen:?}");
    let mut health = Vec::new();
    for _ in 0..20 {
        health.push(server.get("/health").send().await.expect("an answer").status());
    }
    assert_eq!(health[0], StatusCode::OK, "what is open has a rate of its own");
    assert!(health.contains(&StatusCode::TOO_MANY_REQUESTS), "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_client_never_notices() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    for _ in 0..150 {
        client.request::<Value, _>("system.version", jsonrpsee::rpc_params![]).await.expect("answered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_refused_on_a_socket_too() {
    let server = Served::start(&["--max-body=64k"]).await;
    let client = server.client().await;
    let params = json!({ "name": "A", "value": "x".repeat(65 << 10) });
    let params = params.as_object().cloned().expect("an object");
    let large = client.request::<Value, _>("secrets.set", Params(params)).await;
    assert!(large.is_err(), "{large:?}");
    assert!(!server.call("secrets.list", Value::Null).await.to_string().contains("\"A\""), "it was not read");
}

/// Named parameters.
struct Params(serde_json::Map<String, Value>);

impl jsonrpsee::core::traits::ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<serde_json::value::RawValue>>, serde_json::Error> {
        serde_json::value::to_raw_value(&self.0).map(Some)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let server = Served::start(&SLOW).await;
    let mut answers = vec![
        server.get("/").send().await,
        server.get("/no/such/page").send().await,
        server.get("/api/none").bearer_auth(TOKEN).send().await,
        server.get("/api/runs/019b7c1e-3a2e-7000-8000-000000000001/events").bearer_auth(TOKEN).send().await,
        server.get("/api/runs/7/log").send().await,
        server.get("/health").header("host", "evil.example").send().await,
        Ok(server.send("{").await),
        Ok(server.send("x".repeat(11 << 20)).await),
    ];
    for _ in 0..10 {
        answers.push(server.get("/health").send().await);
    }
    for answer in answers {
        let answer = answer.expect("an answer");
        let header =
            |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let what = format!("{} {}", answer.status(), answer.url());
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{what}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(name), value, "{name} of {what}");
        }
        let is_ui = answer.status() == StatusCode::OK && answer.url().path() == "/";
        assert!(is_ui || header("cache-control").contains("no-"), "{what}: {}", header("cache-control"));
    }
}
