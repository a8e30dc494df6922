//! The log of every run.
//!
//! The key is a counter, not the pair `(run_id, seq)`: appending at the end of a table with a
//! secondary index is several times faster in `SQLite` than clustering by a random-looking key.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("run_events")
            .col(schema::pk_auto("id").big_integer())
            .col(schema::uuid("run_id"))
            .col(schema::big_integer("seq"))
            .col(schema::big_integer("at"))
            .col(schema::integer_null("step"))
            .col(schema::string("kind"))
            .col(schema::text("data"));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("run_events_by_run").table("run_events").col("run_id").col("seq").unique();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("run_events").to_owned()).await
    }
}
