//! What is known of a run's work beside its branch: files in no commit, commits elsewhere, denied calls. A column of
//! the run, so that it is written in one transaction with the events that tell it.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = schema::text("work").default("{}").take();
        manager.alter_table(Table::alter().table("runs").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("runs").drop_column("work").to_owned()).await
    }
}
