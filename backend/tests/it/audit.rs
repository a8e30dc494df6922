//! The audit log: what is in it, who may have it wrong, and what is not in it.

use api::{Timestamp, audit::AuditEntry, id::AuditId};
use backend::{audit::Audit, store::AuditFilter, tasks::Tasks};
use reqwest::StatusCode;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::{
    databases::both,
    served::{Served, TOKEN, create_task},
};

fn entry(actor: &str, action: &str) -> AuditEntry {
    AuditEntry {
        id: AuditId::mint(),
        at: Timestamp::from_microsecond(Timestamp::now().as_microsecond()).expect("a time"),
        actor: actor.into(),
        origin: Some("192.0.2.1".into()),
        action: action.into(),
        target: Some("A".into()),
        ok: false,
        error: Some("no\0pe".into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_kept_in_order_and_found_by_action_and_actor() {
    for fresh in both().await {
        let store = &fresh.store;
        let tasks = Tasks::default();
        let audit = Audit::new(store.clone(), &tasks);
        for (actor, action) in
            [("ann", "runs.create"), ("bob", "runs.cancel"), ("ann", "login"), ("ann", "runs_x")]
        {
            audit.record(entry(actor, action)).await;
        }
        let found = async |action: Option<&str>, actor: Option<&str>| {
            let filter = AuditFilter { action: action.map(str::to_owned), actor: actor.map(str::to_owned) };
            let page = store.audit_list(&filter, None, 10).await.expect("read");
            page.items.into_iter().map(|it| it.action).collect::<Vec<_>>()
        };
        assert_eq!(
            found(None, None).await,
            ["runs_x", "login", "runs.cancel", "runs.create"],
            "{}",
            fresh.kind
        );
        assert_eq!(found(Some("runs."), None).await, ["runs.cancel", "runs.create"]);
        assert_eq!(found(Some("runs_"), None).await, ["runs_x"], "no character means another");
        assert_eq!(found(Some("runs."), Some("ann")).await, ["runs.create"]);
        let first = store.audit_list(&AuditFilter::default(), None, 3).await.expect("a page");
        let cursor = first.next.expect("there is more").parse().expect("a cursor");
        let second = store.audit_list(&AuditFilter::default(), Some(cursor), 3).await.expect("a page");
        assert_eq!((second.items.len(), second.next), (1, None));
        let stored = &second.items[0];
        assert_eq!(stored.error.as_deref(), Some("no\u{fffd}pe"), "{}: whatever it holds", fresh.kind);
        assert_eq!(
            (stored.origin.as_deref(), stored.target.as_deref(), stored.ok),
            (Some("192.0.2.1"), Some("A"), false)
        );

        assert_eq!(store.audit_remove_some(Timestamp::UNIX_EPOCH).await.expect("nothing is so old"), 0);
        let later = Timestamp::now() + std::time::Duration::from_secs(60);
        assert_eq!(store.audit_remove_some(later).await.expect("removed"), 4);
        assert!(found(None, None).await.is_empty());
        tasks.drain(std::time::Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_holds_nobody_up_and_misses_nothing() {
    for fresh in both().await {
        let tasks = Tasks::default();
        let audit = Audit::new(fresh.store.clone(), &tasks);
        let database = Database::connect(&fresh.url).await.expect("the database");
        database.execute_unprepared("ALTER TABLE audit RENAME TO away").await.expect("away");
        for n in 0..100 {
            audit.record(entry("ann", &format!("runs.create {n}"))).await;
        }
        database.execute_unprepared("ALTER TABLE away RENAME TO audit").await.expect("back");
        assert!(tasks.drain(std::time::Duration::from_secs(10)).await, "{}", fresh.kind);
        let log = fresh.store.audit_list(&AuditFilter::default(), None, 200).await.expect("read");
        assert_eq!(log.items.len(), 100, "{}", fresh.kind);
    }
}

/// What was noted after the server has made the token of its settings known.
async fn log(server: &Served) -> Vec<Value> {
    let answer = server.call("audit.list", json!({})).await;
    let mut log = answer["result"]["items"].as_array().expect("a list").clone();
    let first = log.pop().expect("an entry");
    assert_eq!((&first["action"], &first["actor"]), (&json!("token.new"), &json!("server")));
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_is_noted_before_it_is_answered_and_what_reads_is_not() {
    let server = Served::start(&[]).await;
    let task = create_task(&server.client().await, "A private name").await;
    server.call("tasks.byId", json!({ "id": task.id })).await;
    server.call("tasks.list", json!({})).await;
    server.call("no.such.method", json!({})).await;
    let stale = json!({ "id": task.id, "version": 7, "description": "private" });
    server.refusal("tasks.update", stale).await;
    server.refusal("tasks.update", json!({ "id": task.id, "version": "private" })).await;
    let log = log(&server).await;
    let actions: Vec<&str> = log.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["tasks.update", "tasks.update", "tasks.create"]);
    for entry in &log {
        assert_eq!((&entry["actor"], &entry["origin"]), (&json!("admin"), &json!("127.0.0.1")));
        assert_eq!(entry["target"], json!(task.id), "{entry}");
        assert!(!entry.to_string().contains("private"), "{entry}");
    }
    assert_eq!((&log[2]["ok"], &log[2]["error"]), (&json!(true), &Value::Null));
    assert!(log[1]["error"].as_str().expect("a sentence").contains("version"), "{}", log[1]);
    assert_eq!(log[0]["error"], "version: is not valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_a_batch_is_noted() {
    let server = Served::start(&[]).await;
    let call = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "secrets.delete", "params": { "name": "A" } });
    server.send(json!([call(1), call(2), call(3)]).to_string()).await;
    assert_eq!(log(&server).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_is_noted_and_guesses_only_now_and_then() {
    let server = Served::start(&["--login-attempts=5"]).await;
    let login = |token: &str| server.post_to("/api/login", json!({ "token": token })).send();
    let cookie =
        login(TOKEN).await.expect("an answer").headers()["set-cookie"].to_str().expect("text").to_owned();
    let session = cookie.split(';').next().expect("a cookie").to_owned();
    let own = format!("http://{}", server.address);
    let as_session = |path: &str, body: Value| {
        server.post_to(path, body).header("cookie", &session).header("origin", &own).send()
    };
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "secrets.delete", "params": { "name": "A" } });
    as_session("/rpc", call).await.expect("an answer");
    assert_eq!(
        as_session("/api/logout", Value::Null).await.expect("an answer").status(),
        StatusCode::NO_CONTENT
    );
    let before = log(&server).await;
    for _ in 0..20 {
        login("caisson_guessed_by_somebody").await.expect("an answer");
    }
    let store = server.store().await;
    let log = store.audit_list(&AuditFilter::default(), None, 100).await.expect("a log").items;
    let told: Vec<_> = log.iter().map(|it| (it.action.as_str(), it.actor.as_str(), it.ok)).collect();
    let guesses = [("login", "nobody", false); 2];
    let known = [
        ("logout", "admin", true),
        ("secrets.delete", "admin", true),
        ("login", "admin", true),
        ("token.new", "server", true),
    ];
    assert_eq!(told, [&guesses[..], &known[..]].concat());
    assert_eq!(before.len(), 3);
    assert!(!format!("{log:?}").contains("guessed"), "{log:?}");
}
