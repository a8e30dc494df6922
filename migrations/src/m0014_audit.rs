//! The audit log, and under which token's name a session was begun.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("audit")
            .col(schema::uuid("id").primary_key())
            .col(schema::big_integer("at"))
            .col(schema::text("actor"))
            .col(schema::text_null("origin"))
            .col(schema::text("action"))
            .col(schema::text_null("target"))
            .col(schema::boolean("ok"))
            .col(schema::text_null("error"));
        manager.create_table(table).await?;
        let mut index = Index::create();
        manager.create_index(index.name("audit_at").table("audit").col("at").to_owned()).await?;
        let mut altered = Table::alter();
        let column = schema::text("actor").default("session").take();
        manager.alter_table(altered.table("sessions").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("sessions").drop_column("actor").to_owned()).await?;
        manager.drop_table(Table::drop().table("audit").to_owned()).await
    }
}
