//! Secrets: what the store holds of them, what callers are told, and what becomes of a run that needs one.

use std::path::Path;

use api::{
    error::ApiError,
    rpc::{audit::AuditApiClient, runs::RunsApiClient, secrets::SecretsApiClient},
    run::Reason,
};
use backend::secrets::Sealed;
use jsonrpsee::ws_client::WsClient;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    databases::both,
    served::{Served, ended},
};

const VALUE: &str = "hunter22-and-more";

fn sealed(key: &str, bytes: &[u8]) -> Sealed {
    Sealed { key_id: key.to_owned(), bytes: bytes.to_vec() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_whole_and_the_one_before_is_kept_for_a_while() {
    for fresh in both().await {
        let store = &fresh.store;
        let first = store.secret_put("A", sealed("one", b"1")).await.expect("stored");
        store.secret_put("B", sealed("one", b"b")).await.expect("stored");
        let again = store.secret_put("A", sealed("two", b"2")).await.expect("replaced");
        assert_eq!((again.created_at, again.name.as_str()), (first.created_at, "A"), "{}", fresh.kind);
        assert!(first.updated_at <= again.updated_at);
        let stored = store.secret_fetch("A").await.expect("read").expect("there");
        assert_eq!(
            (stored.sealed.clone(), stored.previous.clone()),
            (sealed("two", b"2"), Some(sealed("one", b"1")))
        );
        let names: Vec<String> =
            store.secret_list().await.expect("read").into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["A", "B"]);
        assert!(
            store.secret_exists("A").await.expect("read") && !store.secret_exists("C").await.expect("read")
        );
        assert_eq!(store.secret_count_others("A").await.expect("read"), 1);

        let done = store.secret_reseal(&stored, sealed("three", b"3"), None).await.expect("written");
        assert!(done);
        let late = store.secret_reseal(&stored, sealed("four", b"4"), None).await.expect("written");
        assert!(!late, "{}: it is no longer as it was seen", fresh.kind);
        let stored = store.secret_fetch("A").await.expect("read").expect("there");
        assert_eq!((stored.sealed, stored.previous), (sealed("three", b"3"), None));

        store.secret_put("A", sealed("five", b"5")).await.expect("replaced");
        store.secret_forget_replaced(api::Timestamp::UNIX_EPOCH).await.expect("nothing is so old");
        assert!(store.secret_fetch("A").await.expect("read").expect("there").previous.is_some());
        let later = api::Timestamp::now() + std::time::Duration::from_secs(60);
        store.secret_forget_replaced(later).await.expect("forgotten");
        let stored = store.secret_fetch("A").await.expect("read").expect("there");
        assert_eq!((stored.sealed, stored.previous), (sealed("five", b"5"), None));

        assert!(store.secret_delete("A").await.expect("deleted"));
        assert!(!store.secret_delete("A").await.expect("nothing to delete"), "{}", fresh.kind);
        assert!(store.secret_fetch("A").await.expect("read").is_none());
    }
}

async fn set(client: &WsClient, name: &str, value: &str) {
    SecretsApiClient::set(client, name.into(), value.into()).await.expect("stored");
}

/// Whether these bytes are in any file of a folder.
fn is_in_a_file(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        path.is_dir() && is_in_a_file(&path, text)
            || bytes.windows(text.len()).any(|at| at == text.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_in_and_never_comes_out() {
    let data = TempDir::new().expect("a folder");
    let server = Served::start_in(data.path(), &[]).await;
    let client = server.client().await;
    set(&client, "A", VALUE).await;
    let listed = server.call("secrets.list", Value::Null).await;
    assert_eq!(listed["result"][0]["name"], "A");
    assert!(!listed.to_string().contains("hunter"), "{listed}");
    let log = AuditApiClient::list(&client, Some("secrets.".into()), None, None, None).await.expect("a log");
    assert_eq!(log.items.len(), 1, "reading is not noted");
    assert_eq!((log.items[0].target.as_deref(), log.items[0].ok), (Some("A"), true));
    assert!(!is_in_a_file(data.path(), VALUE), "neither the database nor any other file has it");
    assert!(is_in_a_file(data.path(), "secrets.set"), "and it was looked for in the right place");
    let deleted = SecretsApiClient::delete(&client, "A".into()).await.expect("deleted");
    let again = SecretsApiClient::delete(&client, "A".into()).await.expect("nothing to delete");
    assert_eq!((deleted.deleted, again.deleted), (true, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_secret_is_refused_without_repeating_it() {
    let server = Served::start(&[]).await;
    for (params, field) in [
        (json!({ "name": "a b", "value": VALUE }), "name"),
        (json!({ "name": "A", "value": "hunter2" }), "value"),
        (json!({ "name": "A", "value": format!("{VALUE}\0") }), "value"),
        (json!({ "name": "A", "value": format!("hunter{}", "x".repeat(65_536)) }), "value"),
        (json!({ "name": "A", "value": ["hunter22"] }), "value"),
        (json!({ "name": { "hunter22": 1 }, "value": VALUE }), "name"),
        (json!({ "name": "A" }), "value"),
    ] {
        let answer = server.call("secrets.set", params).await;
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["data"]["field"]),
            (&json!(-32602), &json!(field))
        );
        assert!(!answer.to_string().contains("hunter"), "{answer}");
    }
    let log = server.call("audit.list", json!({ "action": "secrets.set" })).await;
    assert_eq!(log["result"]["items"].as_array().map(Vec::len), Some(7));
    assert!(!log.to_string().contains("hunter"), "{log}");
    assert_eq!(server.call("secrets.list", Value::Null).await["result"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_may_name_only_a_secret_that_is_there() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let task = |secret: &str| json!({ "name": "T", "steps": [{ "instructions": "x" }], "env": { "TOKEN": { "secret": secret } } });
    for secret in ["A", "no name"] {
        let (code, data) = server.refusal("tasks.create", task(secret)).await;
        assert_eq!((code, &data["field"]), (-32602, &json!("env.TOKEN")), "{data}");
    }
    set(&client, "A", VALUE).await;
    let made = server.call("tasks.create", task("A")).await["result"].clone();
    assert_eq!(made["env"], json!({ "TOKEN": { "secret": "A" } }), "the reference, not the value");
    let change = json!({ "id": made["id"], "version": 1, "env": { "X": { "secret": "B" } } });
    let (code, data) = server.refusal("tasks.update", change).await;
    assert_eq!((code, &data["field"]), (-32602, &json!("env.X")), "{data}");
    // It may go: then it is the run that says what is missing, once it gets that far.
    SecretsApiClient::delete(&client, "A".into()).await.expect("deleted");
    let id = serde_json::from_value(made["id"].clone()).expect("an id");
    let run = RunsApiClient::create(&client, id, "acme/web".into(), None, None, None).await.expect("a run");
    assert_eq!(ended(&client, run.id).await.reason, Some(Reason::ImageMissing), "there is no container here");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_a_lost_one_is_named() {
    let data = TempDir::new().expect("a folder");
    let keys = data.path().join("keys");
    let setting = format!("--secrets-key-file={}", keys.display());
    let (old, new) = ("11".repeat(32), "22".repeat(32));
    let restart = async |keys_now: &str| {
        std::fs::write(&keys, keys_now).expect("written");
        Served::start_in(data.path(), &[&setting]).await
    };
    let mut server = Served::start_in(data.path(), &[]).await;
    set(&server.client().await, "A", VALUE).await;
    server.stop().await;

    let mut server = restart(&old).await;
    let client = server.client().await;
    set(&client, "B", VALUE).await;
    let rotated = SecretsApiClient::rotate(&client).await.expect("rotated");
    assert_eq!((rotated.rotated, rotated.total), (1, 2), "A was sealed with the derived key");
    server.stop().await;

    let mut server = restart(&format!("{new}\n{old}\n")).await;
    let client = server.client().await;
    let rotated = SecretsApiClient::rotate(&client).await.expect("rotated");
    let again = SecretsApiClient::rotate(&client).await.expect("nothing to do");
    assert_eq!((rotated.rotated, again.rotated, again.total), (2, 0, 2));
    server.stop().await;

    let mut server = restart(&new).await;
    let rotated = SecretsApiClient::rotate(&server.client().await).await.expect("all are of the newest key");
    assert_eq!(rotated.rotated, 0);
    server.stop().await;

    let server = restart(&"33".repeat(32)).await;
    let error = SecretsApiClient::rotate(&server.client().await).await.expect_err("no key opens them");
    let error = ApiError::of(&error).expect("an ApiError").to_string();
    assert!(error.contains("`A`") && error.contains("CAISSON_SECRETS_KEY_FILE"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ciphertexts_that_were_exchanged_in_the_database_are_found_out() {
    let data = TempDir::new().expect("a folder");
    let server = Served::start_in(data.path(), &[]).await;
    let client = server.client().await;
    set(&client, "A", VALUE).await;
    let url = format!("sqlite://{}", data.path().join("caisson.db").display());
    let database = Database::connect(url).await.expect("the database");
    // The same bytes under another name, marked for rotation.
    let copy =
        "INSERT INTO secrets SELECT 'B', key_id, sealed, key_id, sealed, created_at, updated_at FROM secrets";
    database.execute_unprepared(copy).await.expect("copied");
    database
        .execute_unprepared("UPDATE secrets SET previous_key_id = 'x', previous = sealed")
        .await
        .expect("marked");
    let error = SecretsApiClient::rotate(&client).await.expect_err("B is not what it was sealed as");
    let error = ApiError::of(&error).expect("an ApiError").to_string();
    assert!(error.contains("`B`") && error.contains("another's place"), "{error}");
}
