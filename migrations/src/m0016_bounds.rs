//! Texts of runs and gates that are too long to be read with them: an agent could say what it liked. What is in a run
//! is read in lists of hundreds; the log has the whole. And how long each log is, so that it can be bounded.

use sea_orm_migration::{prelude::*, schema};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Text columns, and how many characters are left of them.
const TEXTS: [(&str, u32); 5] =
    [("model", 200), ("agent_session", 200), ("base_commit", 200), ("head_commit", 200), ("detail", 8_000)];
/// JSON columns: how many characters they may have, and what stands in the place of longer ones. The driver of a run
/// that waits writes its gate again.
const DOCUMENTS: [(&str, &str, u32, &str); 6] = [
    ("runs", "gate", 65_536, "NULL"),
    ("runs", "artifacts", 1_048_576, "'[]'"),
    ("runs", "egress_denied", 1_048_576, "'[]'"),
    ("runs", "work", 1_048_576, "'{}'"),
    ("gates", "text", 65_536, "'\"This question was too long to be kept.\"'"),
    ("gates", "options", 65_536, "'[]'"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for (column, most) in TEXTS {
            let sql = format!(
                "UPDATE runs SET {column} = substr({column}, 1, {most}) WHERE {most} < length({column})"
            );
            connection.execute_unprepared(&sql).await?;
        }
        for (table, column, most, instead) in DOCUMENTS {
            let sql = format!("UPDATE {table} SET {column} = {instead} WHERE {most} < length({column})");
            connection.execute_unprepared(&sql).await?;
        }
        // A request is needed until its answer is delivered.
        let delivered = "UPDATE gates SET ask = NULL WHERE delivered_at IS NOT NULL AND kind <> 'budget'";
        connection.execute_unprepared(delivered).await?;
        let column = schema::big_integer("log_bytes").default(0).take();
        manager.alter_table(Table::alter().table("runs").add_column(column).to_owned()).await?;
        // Of a run that is over nobody asks.
        let counted = "UPDATE runs SET log_bytes = (SELECT COALESCE(SUM(octet_length(data)), 0) FROM run_events \
                       WHERE run_id = runs.id) WHERE state <> 'ended'";
        connection.execute_unprepared(counted).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("runs").drop_column("log_bytes").to_owned()).await
    }
}
