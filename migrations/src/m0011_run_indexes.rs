//! Indexes that hold all that the queue, the batches and the clean-up ask of runs. A run's own copy of its task
//! is large and stands before these columns, so without them every look would read it too.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [(&str, &[&str]); 4] = [
    ("runs_of_queue", &["state", "priority", "id", "task_id", "batch_id", "repository"]),
    (
        "runs_of_batch",
        &["batch_id", "repository", "id", "state", "outcome", "cost_usd", "cost_known", "ended_at"],
    ),
    ("runs_by_outcome", &["outcome", "reason"]),
    ("runs_to_clean", &["events_removed_at", "ended_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, columns) in INDEXES {
            let mut index = Index::create();
            index.name(name).table("runs");
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            manager.drop_index(Index::drop().name(name).table("runs").to_owned()).await?;
        }
        Ok(())
    }
}
