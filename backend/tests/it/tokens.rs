//! Tokens that end, and what ends with them; and who may read what is kept of them.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use api::rpc::runs::RunsApiClient;
use backend::{store::Store, tasks::Tasks};
use reqwest::StatusCode;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::served::{Served, TOKEN, create_run};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_loses_what_it_has_open() {
    let server = Served::start(&[]).await;
    let client = server.client().await;
    let run = create_run(&client).await;
    let mut changes = RunsApiClient::on_change(&client, None, None).await.expect("a subscription");
    let store = server.store().await;
    let other = "caisson_another_token_for_tests";
    store
        .token_insert("other", api::role::Role::Admin, Sha256::digest(other).into(), None)
        .await
        .expect("a token");
    let bearer = format!("Bearer {other}");
    let theirs = server.socket(&[("authorization", &bearer)]).await.expect("a connection");

    store.token_delete(Sha256::digest(TOKEN).into()).await.expect("revoked");
    let cut = async {
        while changes.next().await.is_some_and(|change| change.is_ok()) {}
        client.on_disconnect().await
    };
    tokio::time::timeout(Duration::from_secs(30), cut).await.expect("its connection is cut");
    RunsApiClient::by_id(&theirs, run.id).await.expect("nobody else's is");
    let refused = server.get("/api/session").bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_file_is_closed_to_others_wherever_it_lies() {
    let folder = TempDir::new().expect("a folder");
    let [new, named, open] = ["new.db", "named.db", "open.db"].map(|name| folder.path().join(name));
    fs::write(&open, "").expect("a file");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).expect("open to all");
    for (file, query) in [(new, ""), (named, "?mode=rwc"), (open, "?mode=rw")] {
        let tasks = Tasks::default();
        let url = format!("sqlite://{}{query}", file.display());
        let store = Store::open(&url, &tasks).await.expect("a database");
        store
            .token_insert("a", api::role::Role::Admin, [1; 32], None)
            .await
            .expect("a write, for the journal");
        for end in ["", "-wal", "-shm"] {
            let part = format!("{}{end}", file.display());
            let mode = fs::metadata(&part).expect("it is there").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{part}");
        }
        tasks.drain(Duration::from_secs(10)).await;
    }
}
