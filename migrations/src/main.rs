//! `migrations up | down | status | fresh`: the schema by hand; the backend applies it by itself at start.

use sea_orm_migration::prelude::*;

#[tokio::main]
async fn main() {
    cli::run_cli(migrations::Migrator).await;
}
