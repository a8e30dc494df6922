//! What a token may do, and who owns a task, a batch and a run: the name under which its caller acts. What there was
//! before belongs to nobody, and the tokens that there were may do everything, as before.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The tables whose rows have an owner. In `runs` the word is taken: `owner` is the backend that drives it.
const OWNED: [&str; 3] = ["tasks", "batches", "runs"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let role = schema::string("role").default("admin").take();
        manager.alter_table(Table::alter().table("tokens").add_column(role).to_owned()).await?;
        for table in OWNED {
            let owner = schema::string_null("owned_by");
            manager.alter_table(Table::alter().table(table).add_column(owner).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in OWNED {
            manager.alter_table(Table::alter().table(table).drop_column("owned_by").to_owned()).await?;
        }
        manager.alter_table(Table::alter().table("tokens").drop_column("role").to_owned()).await
    }
}
