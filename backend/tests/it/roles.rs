//! Roles: a viewer reads, a member works, an admin manages; the same at every door, and refusals are in the audit log.

use api::{
    error::ApiError,
    role::Role,
    rpc::{batches::BatchesApiClient, runs::RunsApiClient, tasks::TasksApiClient},
};
use jsonrpsee::{
    core::{ClientError, client::ClientT, params::ObjectParams},
    ws_client::WsClient,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::served::{Served, create_run, create_task};

/// A server with a token for each role, named like it.
async fn server() -> Served {
    let server = Served::start(&[]).await;
    let store = server.store().await;
    for role in Role::ALL {
        let hash = Sha256::digest(token(role)).into();
        store.token_insert(role.as_str(), role, hash, None).await.expect("a token");
    }
    server
}

fn token(role: Role) -> String {
    format!("caisson_token_of_the_{role}")
}

async fn client(server: &Served, role: Role) -> WsClient {
    let bearer = format!("Bearer {}", token(role));
    server.socket(&[("authorization", &bearer)]).await.expect("a connection")
}

/// Whether a call is refused for the role; any other answer means that the verb was reached.
async fn is_forbidden(client: &WsClient, method: &str, params: &Value) -> bool {
    let mut object = ObjectParams::new();
    for (name, value) in params.as_object().expect("an object") {
        object.insert(name, value).expect("a value");
    }
    match client.request::<Value, _>(method, object).await {
        Ok(_) => false,
        Err(error @ ClientError::Call(_)) => matches!(ApiError::of(&error), Some(ApiError::Forbidden { .. })),
        Err(error) => panic!("{method}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_its_name_says_and_no_more() {
    let server = server().await;
    let admin = server.client().await;
    let run = create_run(&admin).await;
    let id = json!({ "id": run.id });
    let new_task = json!({ "name": "New", "steps": [{ "instructions": "Do it." }] });
    let calls = [
        ("tasks.list", json!({}), Role::Viewer),
        ("runs.list", json!({}), Role::Viewer),
        ("runs.byId", id.clone(), Role::Viewer),
        ("runs.messages", id.clone(), Role::Viewer),
        ("runs.diff", id.clone(), Role::Viewer),
        ("secrets.list", json!({}), Role::Viewer),
        ("audit.list", json!({}), Role::Viewer),
        ("system.status", json!({}), Role::Viewer),
        ("system.version", json!({}), Role::Viewer),
        ("tasks.create", new_task, Role::Member),
        ("tasks.update", json!({ "id": run.task_id, "version": 1, "name": "Other" }), Role::Member),
        ("tasks.allow", json!({ "id": run.task_id, "host": "example.org" }), Role::Member),
        ("runs.create", json!({ "taskId": run.task_id, "repository": run.repository }), Role::Member),
        ("runs.send", json!({ "id": run.id, "text": "Hello" }), Role::Member),
        ("runs.retry", id.clone(), Role::Member),
        ("runs.cancel", id.clone(), Role::Member),
        ("batches.create", json!({ "taskId": run.task_id, "repositories": [run.repository] }), Role::Member),
        ("secrets.set", json!({ "name": "KEY", "value": "a value to keep" }), Role::Admin),
        ("secrets.delete", json!({ "name": "KEY" }), Role::Admin),
        ("secrets.rotate", json!({}), Role::Admin),
        ("tasks.delete", json!({ "id": run.task_id }), Role::Member),
    ];
    for role in Role::ALL {
        let client = client(&server, role).await;
        for (method, params, needs) in &calls {
            assert_eq!(is_forbidden(&client, method, params).await, role < *needs, "{role} {method}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_try_changes_nothing_and_is_in_the_audit_log_and_says_what_helps() {
    let server = server().await;
    let viewer = client(&server, Role::Viewer).await;
    let run = create_run(&server.client().await).await;
    let refused = RunsApiClient::cancel(&viewer, run.id).await.unwrap_err();
    let Some(ApiError::Forbidden { why }) = ApiError::of(&refused) else { panic!("{refused}") };
    assert!(why.contains("runs.cancel needs the role member") && why.contains("--role member"), "{why}");
    assert!(is_forbidden(&viewer, "secrets.set", &json!({ "name": "K", "value": "hunter2 hunter2" })).await);
    let log = server.call("audit.list", json!({ "actor": "viewer" })).await;
    let log = log["result"]["items"].as_array().expect("a list").clone();
    let noted: Vec<_> = log.iter().map(|entry| (&entry["action"], &entry["target"], &entry["ok"])).collect();
    assert_eq!(
        noted,
        [
            (&json!("secrets.set"), &json!("K"), &json!(false)),
            (&json!("runs.cancel"), &json!(run.id), &json!(false))
        ]
    );
    assert!(log[0]["error"].as_str().expect("a sentence").contains("needs the role admin"), "{}", log[0]);
    assert!(!json!(log).to_string().contains("hunter2"));
    assert!(server.call("secrets.list", json!({})).await["result"].as_array().expect("a list").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_knows_the_roles_too_and_a_session_has_that_of_its_token() {
    let server = server().await;
    let run = create_run(&server.client().await).await;
    let session = async |role: Role| {
        let body = json!({ "token": token(role) });
        let answer = server.post_to("/api/login", body).send().await.expect("an answer");
        let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie").to_owned();
        cookie.split(';').next().expect("a pair").to_owned()
    };
    let cookie = session(Role::Viewer).await;
    let get = async |path: &str| server.get(path).header("cookie", &cookie).send().await.expect("an answer");
    let known: Value = get("/api/session").await.json().await.expect("json");
    assert_eq!(known, json!({ "signedInBy": "session", "name": "viewer", "role": "viewer" }));
    for path in [format!("/api/runs/{}/log", run.id), "/metrics".to_owned()] {
        assert_eq!(get(&path).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_belongs_to_who_made_it() {
    let server = server().await;
    let member = client(&server, Role::Member).await;
    let admin = server.client().await;
    let task = create_task(&member, "Mine").await;
    assert_eq!(task.owner.as_deref(), Some("member"));
    let repository = "https://git.example.org/a/b.git".to_owned();
    let run = RunsApiClient::create(&member, task.id, repository.clone(), None, None, None).await;
    let run = run.expect("a run");
    assert_eq!(run.owner.as_deref(), Some("member"));
    let batch =
        BatchesApiClient::create(&admin, task.id, vec![repository], None, None, None, None, None, None)
            .await
            .expect("a batch");
    assert_eq!(batch.owner.as_deref(), Some("admin"));
    let of_batch = RunsApiClient::by_id(&member, batch.runs[0].id).await.expect("its run");
    assert_eq!(of_batch.owner.as_deref(), Some("admin"));
    RunsApiClient::cancel(&member, run.id).await.expect("cancelled");
    let again = RunsApiClient::retry(&admin, run.id).await.expect("a retry");
    assert_eq!(again.owner.as_deref(), Some("admin"), "who retries a run pays for it");
    let kept = TasksApiClient::by_id(&admin, task.id).await.expect("the task");
    assert_eq!(kept.owner.as_deref(), Some("member"));
}
