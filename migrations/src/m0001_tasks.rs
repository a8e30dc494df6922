//! Tasks. Times are microseconds since 1970, documents are JSON text: the same in every database.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("tasks")
            .col(schema::uuid("id").primary_key())
            .col(schema::big_integer("version"))
            .col(schema::text("name"))
            .col(schema::text("spec"))
            .col(schema::big_integer("created_at"))
            .col(schema::big_integer("updated_at"))
            .col(schema::big_integer_null("archived_at"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("tasks").to_owned()).await
    }
}
