//! A PostgreSQL database for one test, in the server that `CAISSON_TEST_POSTGRES` names.

use std::{env, io::Write, sync::Once};

use sea_orm::{ConnectionTrait, Database};

/// Where the server answers, with the right to create databases.
const SERVER: &str = "CAISSON_TEST_POSTGRES";
/// Set where nothing may be left out: by `cargo xtask test`, and so in CI.
const COMPLETE: &str = "CAISSON_TEST_COMPLETE";
/// How to have a server.
const REMEDY: &str = "`eval \"$(cargo xtask env)\"` starts a server, `cargo xtask test` has one";

/// The URL of a fresh database.
///
/// # Panics
/// Without a server: for tests that mean nothing on `SQLite`.
pub async fn postgres() -> String {
    let server = env::var(SERVER);
    create(
        &server.unwrap_or_else(|_| panic!("this test needs PostgreSQL, but {SERVER} is not set; {REMEDY}")),
    )
    .await
}

/// The URL of a fresh database, or `None` without a server: for tests whose other half runs on `SQLite`. The first
/// such test of a process says on standard error that halves are skipped.
///
/// # Panics
/// Without a server where nothing may be left out.
pub async fn postgres_if_any() -> Option<String> {
    static SAY: Once = Once::new();
    if let Ok(server) = env::var(SERVER) {
        return Some(create(&server).await);
    }
    assert!(env::var_os(COMPLETE).is_none(), "{COMPLETE} is set, but {SERVER} is not");
    SAY.call_once(|| {
        // Not by `eprintln!`, which the test runner hides while tests pass.
        let _ = writeln!(
            std::io::stderr(),
            "SQLite only: the PostgreSQL half of these tests is skipped, because {SERVER} is not set; {REMEDY}"
        );
    });
    None
}

async fn create(server: &str) -> String {
    let name = format!("caisson_{}", uuid::Uuid::now_v7().simple());
    let admin = Database::connect(server).await.expect("the server answers");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database");
    let mut url = url::Url::parse(server).expect("a URL");
    url.set_path(&name);
    url.to_string()
}
