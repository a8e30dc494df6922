//! The model calls of batches that are on their way, each with the most it can cost: so a batch's budget holds for
//! calls side by side, in whatever backend.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("batch_calls")
            .col(schema::uuid("id").primary_key())
            .col(schema::uuid("batch_id"))
            .col(schema::uuid("run_id"))
            .col(schema::double("most_usd"));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("batch_calls_by_batch").table("batch_calls").col("batch_id").col("run_id");
        manager.create_index(index).await?;
        for column in
            [schema::double_null("dearest_usd"), schema::boolean("unknown_accepted").default(false).take()]
        {
            manager.alter_table(Table::alter().table("batches").add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("batch_calls").to_owned()).await?;
        for column in ["dearest_usd", "unknown_accepted"] {
            manager.alter_table(Table::alter().table("batches").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
