//! Instances: the containers there are and were.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("instances")
            .col(schema::uuid("id").primary_key())
            .col(schema::uuid("run_id"))
            .col(schema::string("state"))
            .col(schema::text_null("container_id"))
            .col(schema::text("image"))
            .col(schema::text_null("host"))
            .col(schema::big_integer("memory_limit_bytes"))
            .col(schema::big_integer("created_at"))
            .col(schema::big_integer_null("ready_at"))
            .col(schema::big_integer_null("removed_at"));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("instances_by_state").table("instances").col("state").col("id");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("instances").to_owned()).await
    }
}
