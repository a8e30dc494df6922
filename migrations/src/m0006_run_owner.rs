//! Runs get an owner with a lease and a fence, a priority, and what is kept of them. One column a statement:
//! `SQLite` takes no more.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in columns() {
            let mut table = Table::alter();
            manager.alter_table(table.table("runs").add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in columns().iter_mut().rev() {
            let mut table = Table::alter();
            manager.alter_table(table.table("runs").drop_column(column.get_column_name()).to_owned()).await?;
        }
        Ok(())
    }
}

fn columns() -> [ColumnDef; 7] {
    [
        schema::uuid_null("owner"),
        schema::big_integer("lease_until").default(0).take(),
        schema::big_integer("fence").default(0).take(),
        schema::integer("priority").default(0).take(),
        schema::integer("auto_retries").default(0).take(),
        schema::text("artifacts").default("[]").take(),
        schema::big_integer_null("events_removed_at"),
    ]
}
