//! A PostgreSQL database of a test's own.

use sea_orm::{ConnectionTrait, Database};

/// A fresh database in the cluster that `cargo xtask test` has started; answers its URL.
pub async fn postgres() -> String {
    let cluster = std::env::var("CAISSON_TEST_POSTGRES").expect(
        "CAISSON_TEST_POSTGRES is the URL of a PostgreSQL cluster: run the tests with `cargo xtask test`",
    );
    let name = format!("caisson_{}", uuid::Uuid::now_v7().simple());
    let admin = Database::connect(&cluster).await.expect("the cluster answers");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database");
    let mut url = url::Url::parse(&cluster).expect("a URL");
    url.set_path(&name);
    url.to_string()
}
