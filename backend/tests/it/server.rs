//! The server as a program: what it says of itself, why it may not start, how it stops.

use api::{rpc::runs::RunsApiClient, rpc::tasks::TasksApiClient, stream::Frame};
use backend::Backend;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::served::{Served, SilentEngine, create_run, create_task, settings};

/// Why a server with these settings does not start.
async fn refusal(data: &std::path::Path, more: &[&str]) -> String {
    let config = settings(data, more).expect("settings");
    Backend::open(config).await.err().expect("it does not start").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_open_to_everyone() {
    let server = Served::start(&[]).await;
    let health = server.get("/health").send().await.expect("an answer");
    assert_eq!(health.status(), StatusCode::OK);
    let health: Value = health.json().await.expect("JSON");
    let version = server.call("system.version", Value::Null).await["result"]["version"].clone();
    assert_eq!(health, json!({ "status": "ok", "version": version }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_engine_is_alive_but_not_ready() {
    let server = Served::start(&["--docker-host=unix:///nowhere/docker.sock"]).await;
    let ready = server.get("/ready").send().await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = ready.json().await.expect("JSON");
    assert_eq!(
        ready,
        json!({ "database": "ok", "engine": "unavailable" }),
        "no more than that for strangers"
    );
    assert_eq!(server.get("/health").send().await.expect("an answer").status(), StatusCode::OK);
    let status = server.call("system.status", Value::Null).await["result"].clone();
    assert_eq!((&status["database"]["ok"], &status["engine"]["ok"]), (&json!(true), &json!(false)));
    assert!(
        status["engine"]["detail"].as_str().expect("a text").contains("/nowhere/docker.sock"),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_with_the_setting() {
    let server = Served::start(&[]).await;
    let data = TempDir::new().expect("a folder");
    let refusal = refusal(data.path(), &[&format!("--listen={}", server.address)]).await;
    assert!(refusal.starts_with(&format!("{} is in use by another program", server.address)), "{refusal}");
    assert!(refusal.contains("--listen"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_is_refused() {
    let data = TempDir::new().expect("a folder");
    let first = Backend::open(settings(data.path(), &[]).expect("settings")).await.expect("a server");
    let refusal = refusal(data.path(), &[]).await;
    assert!(refusal.contains("another server") && refusal.contains("--data-dir"), "{refusal}");
    drop(first);
    Backend::open(settings(data.path(), &[]).expect("settings")).await.expect("the folder is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_opened_is_named() {
    let data = TempDir::new().expect("a folder");
    let missing = data.path().join("no/such/folder/caisson.db");
    let url = format!("--database-url=sqlite://{}?mode=rwc", missing.display());
    let refusal_of_missing = refusal(data.path(), &[&url]).await;
    assert!(refusal_of_missing.contains("no/such/folder"), "{refusal_of_missing}");
    std::fs::write(data.path().join("caisson.db"), "this is no database, and longer than a page's header")
        .expect("a file");
    let refusal_of_other = refusal(data.path(), &[]).await;
    assert!(refusal_of_other.contains("caisson.db"), "{refusal_of_other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_cuts_its_streams_without_an_end() {
    let engine = SilentEngine::start();
    let mut server = Served::start(&[&engine.setting()]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    let mut frames = client.on_message(run.id, None).await.expect("a subscription");
    let mut changes = client.on_change(None, None).await.expect("a subscription");
    frames.next().await.expect("no cut").expect("a frame");
    server.stop().await;
    while let Some(frame) = frames.next().await {
        assert_ne!(frame.expect("a frame"), Frame::End, "the run is not over");
    }
    while changes.next().await.is_some() {}
    assert!(server.get("/health").send().await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_is_there_after_a_restart() {
    let mut server = Served::start(&[]).await;
    let task = create_task(&server.client().await, "A task").await;
    server.stop().await;
    let again = server.again().await;
    assert_eq!(TasksApiClient::by_id(&again.client().await, task.id).await.expect("the task"), task);
}
