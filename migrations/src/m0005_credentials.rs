//! Tokens of callers and sessions of browsers. Only hashes are kept.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut tokens = Table::create();
        tokens
            .table("tokens")
            .col(schema::binary_len("hash", 32).primary_key())
            .col(schema::text("name"))
            .col(schema::big_integer("created_at"));
        manager.create_table(tokens).await?;
        let mut sessions = Table::create();
        sessions
            .table("sessions")
            .col(schema::binary_len("hash", 32).primary_key())
            .col(schema::big_integer("expires_at"));
        manager.create_table(sessions).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("sessions").to_owned()).await?;
        manager.drop_table(Table::drop().table("tokens").to_owned()).await
    }
}
