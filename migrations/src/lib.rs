//! The schema's history: numbered steps, never edited once shipped.

pub use sea_orm_migration::prelude::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m0001_tasks;
mod m0002_runs;
mod m0003_instances;
mod m0004_run_events;
mod m0005_credentials;

/// Every migration, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_tasks::Migration),
            Box::new(m0002_runs::Migration),
            Box::new(m0003_instances::Migration),
            Box::new(m0004_run_events::Migration),
            Box::new(m0005_credentials::Migration),
        ]
    }
}
