//! Batches: one task over many repositories. Their runs name them.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("batches")
            .col(schema::uuid("id").primary_key())
            .col(schema::uuid("task_id"))
            .col(schema::text("name"))
            .col(schema::text("targets"))
            .col(schema::integer_null("concurrency"))
            .col(schema::integer_null("stop_after_failures"))
            .col(schema::double_null("budget_usd"))
            .col(schema::text_null("stopped"))
            .col(schema::string_null("idempotency_key").unique_key())
            .col(schema::big_integer("created_at"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("batches").to_owned()).await
    }
}
