//! Runs. A run keeps its own copy of its task, so there is no foreign key to it.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("runs")
            .col(schema::uuid("id").primary_key())
            .col(schema::uuid("task_id"))
            .col(schema::text("task"))
            .col(schema::text("repository"))
            .col(schema::text_null("git_ref"))
            .col(schema::text_null("base_commit"))
            .col(schema::text("branch"))
            .col(schema::string("state"))
            .col(schema::string_null("outcome"))
            .col(schema::string_null("reason"))
            .col(schema::text_null("detail"))
            .col(schema::integer("step").default(0))
            .col(schema::integer("attempt").default(0))
            .col(schema::uuid_null("retry_of"))
            .col(schema::uuid_null("batch_id"))
            .col(schema::uuid_null("instance_id"))
            .col(schema::text_null("agent_session"))
            .col(schema::text_null("model"))
            .col(schema::double("cost_usd").default(0.0))
            .col(schema::boolean("cost_known").default(true))
            .col(schema::text("usage"))
            .col(schema::text_null("pull_request"))
            .col(schema::text_null("head_commit"))
            .col(schema::big_integer("last_seq").default(0))
            .col(schema::text_null("gate"))
            .col(schema::big_integer("version").default(1))
            .col(schema::string_null("idempotency_key").unique_key())
            .col(schema::boolean("cancel_requested").default(false))
            .col(schema::text_null("execution"))
            .col(schema::big_integer("execution_n").default(0))
            .col(schema::big_integer("created_at"))
            .col(schema::big_integer_null("started_at"))
            .col(schema::big_integer_null("ended_at"));
        manager.create_table(table).await?;
        for (name, column) in [
            ("runs_by_state", "state"),
            ("runs_by_task", "task_id"),
            ("runs_by_batch", "batch_id"),
            ("runs_by_repository", "repository"),
        ] {
            // Lists are read newest first, and ids sort by time.
            let mut index = Index::create();
            index.name(name).table("runs").col(column).col("id");
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("runs").to_owned()).await
    }
}
