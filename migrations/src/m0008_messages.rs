//! Messages of people to the agents of their runs, until they are delivered and after.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("messages")
            .col(schema::uuid("id").primary_key())
            .col(schema::uuid("run_id"))
            .col(schema::text("text"))
            .col(schema::big_integer("sent_at"))
            .col(schema::big_integer_null("delivered_at"));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("messages_by_run").table("messages").col("run_id").col("id");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("messages").to_owned()).await
    }
}
