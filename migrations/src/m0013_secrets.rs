//! Secrets as they are sealed. The value that was replaced last stays beside the new one, so that a run that was
//! given it is still masked when its server comes back.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("secrets")
            .col(schema::string_len("name", 100).primary_key())
            .col(schema::text("key_id"))
            .col(schema::binary("sealed"))
            .col(schema::text_null("previous_key_id"))
            .col(schema::binary_null("previous"))
            .col(schema::big_integer("created_at"))
            .col(schema::big_integer("updated_at"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("secrets").to_owned()).await
    }
}
