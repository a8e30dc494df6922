//! Gates: what runs waited for, and how each was answered.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("gates")
            .col(schema::uuid("id").primary_key())
            .col(schema::uuid("run_id"))
            .col(schema::string("kind"))
            .col(schema::text("text"))
            .col(schema::text("options"))
            .col(schema::text_null("ask"))
            .col(schema::text_null("execution"))
            .col(schema::big_integer("since"))
            .col(schema::big_integer_null("until"))
            .col(schema::text_null("answer"))
            .col(schema::big_integer_null("answered_at"))
            .col(schema::big_integer_null("delivered_at"));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("gates_by_run").table("gates").col("run_id").col("since");
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("gates").to_owned()).await
    }
}
