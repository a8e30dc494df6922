//! Idempotency keys: whose they are, and what they remember.

use api::{
    Timestamp,
    id::{RunId, TaskId},
    run::Run,
    task::{Step, TaskSpec},
};
use backend::store::{self, OnceKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    databases::both,
    served::{Served, TOKEN, create_task},
};

const OTHER: &str = "caisson_another_token_for_tests";

/// The id of what this call makes, or the code of its refusal.
async fn made(request: reqwest::RequestBuilder) -> Result<String, i64> {
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    match answer["result"]["id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => Err(answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{answer}"))),
    }
}

fn call(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

fn with(params: &Value, field: &str, value: Value) -> Value {
    let mut other = params.clone();
    other[field] = value;
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_caller_and_remembers_what_was_asked() {
    let server = Served::start(&[]).await;
    let task = create_task(&server.client().await, "A task").await.id;
    let another = create_task(&server.client().await, "Another").await.id;
    let store = server.store().await;
    store
        .token_insert("other", api::role::Role::Admin, Sha256::digest(OTHER).into(), None)
        .await
        .expect("a token");
    let login = server.post_to("/api/login", json!({ "token": TOKEN })).send().await.expect("a session");
    let cookie = login.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a cookie");
    let as_session = |body: Value| {
        let own = format!("http://{}", server.address);
        server.post_to("/rpc", body).header("cookie", cookie).header("origin", own)
    };
    let run = json!({ "taskId": task, "repository": "acme/web", "idempotencyKey": "a" });
    let batch = json!({ "taskId": task, "repositories": ["acme/web"], "idempotencyKey": "a" });
    for (method, params, target) in [
        ("runs.create", run, ("repository", json!("acme/other"))),
        ("batches.create", batch, ("repositories", json!(["acme/web", "acme/other"]))),
    ] {
        let by =
            |token: &str, params: &Value| server.post(call(method, params).to_string()).bearer_auth(token);
        let first = made(by(TOKEN, &params)).await.expect("made");
        assert_eq!(made(by(TOKEN, &params)).await.as_ref(), Ok(&first));
        assert_eq!(made(as_session(call(method, &params))).await.as_ref(), Ok(&first), "the same caller");
        let others = [
            with(&params, target.0, target.1),
            with(&params, "ref", json!("v1")),
            with(&params, "taskId", json!(another)),
            with(&params, "overrides", json!({ "priority": 7 })),
        ];
        for other in others {
            assert_eq!(made(by(TOKEN, &other)).await, Err(-32009), "{other}");
        }
        let theirs = made(by(OTHER, &params)).await.expect("a key of their own");
        assert_ne!(theirs, first, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_keys_cannot_be_taken() {
    for fresh in both().await {
        let spec = TaskSpec::new("A task", vec![Step { instructions: "Do it.".into(), checks: Vec::new() }]);
        let run = || Run::queued(RunId::mint(), TaskId::mint(), spec.clone(), "a/a".into(), Timestamp::now());
        let (theirs, ours) = (run(), run());
        let taken = OnceKey::of_caller(&[7; 32], "auto-retry-of-x", &"anything");
        let named = OnceKey::own("auto-retry-of-x".to_owned());
        for (run, key) in [(&theirs, &taken), (&ours, &named)] {
            let stored = fresh.store.run_queue(run, Some(key)).await.expect("stored");
            assert_eq!(stored.id, run.id, "{}", fresh.kind);
        }
        let again = fresh.store.run_queue(&run(), Some(&named)).await.expect("known");
        assert_eq!(again.id, ours.id);
        let other = OnceKey::of_caller(&[7; 32], "auto-retry-of-x", &"something else");
        let refused = fresh.store.run_queue(&run(), Some(&other)).await;
        assert!(matches!(refused, Err(store::Error::OtherRequest)), "{refused:?}");
    }
}
