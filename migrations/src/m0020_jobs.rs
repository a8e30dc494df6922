//! Which server does a background job that one of them does for all; and the outbox: the state changes of runs that
//! somebody may still have to be told, each written with the change itself.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut jobs = Table::create();
        jobs.table("jobs")
            .col(schema::string("name").primary_key())
            .col(schema::uuid("owner"))
            .col(schema::big_integer("until"));
        manager.create_table(jobs).await?;
        let mut outbox = Table::create();
        outbox
            .table("outbox")
            .col(schema::pk_auto("id").big_integer())
            .col(schema::uuid("run_id"))
            .col(schema::big_integer("seq"))
            .col(schema::big_integer("at"));
        manager.create_table(outbox).await?;
        let mut once = Index::create();
        once.name("outbox_once").table("outbox").col("run_id").col("seq").unique();
        manager.create_index(once).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("outbox").to_owned()).await?;
        manager.drop_table(Table::drop().table("jobs").to_owned()).await
    }
}
