//! Tokens that expire, sessions that end with their token, and idempotency keys that remember what was asked.
//! Sessions from before belong to no token, so they end.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: [(&str, &str); 4] =
    [("tokens", "expires_at"), ("sessions", "token"), ("runs", "asked"), ("batches", "asked")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name) in COLUMNS {
            let column = match name {
                "expires_at" => schema::big_integer_null(name),
                "token" => schema::binary_len_null(name, 32),
                _ => schema::text_null(name),
            };
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name) in COLUMNS {
            manager.alter_table(Table::alter().table(table).drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
