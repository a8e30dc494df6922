//! Artifacts: what is kept of a run beside its events and its branch.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("artifacts")
            .col(schema::uuid("run_id"))
            .col(schema::string("name"))
            .col(schema::binary("content"))
            .col(schema::big_integer("created_at"));
        table.primary_key(Index::create().col("run_id").col("name"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("artifacts").to_owned()).await
    }
}
