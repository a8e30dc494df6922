//! The schema's history: numbered steps, never edited once shipped.

pub use sea_orm_migration::prelude::MigratorTrait;
use sea_orm_migration::prelude::*;

mod m0001_tasks;
mod m0002_runs;
mod m0003_instances;
mod m0004_run_events;
mod m0005_credentials;
mod m0006_run_owner;
mod m0007_gates;
mod m0008_messages;
mod m0009_artifacts;
mod m0010_batches;
mod m0011_run_indexes;
mod m0012_egress;
mod m0013_secrets;
mod m0014_audit;
mod m0015_work;
mod m0016_bounds;
mod m0017_callers;
mod m0018_batch_calls;
mod m0019_owners;
mod m0020_jobs;

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
            Box::new(m0006_run_owner::Migration),
            Box::new(m0007_gates::Migration),
            Box::new(m0008_messages::Migration),
            Box::new(m0009_artifacts::Migration),
            Box::new(m0010_batches::Migration),
            Box::new(m0011_run_indexes::Migration),
            Box::new(m0012_egress::Migration),
            Box::new(m0013_secrets::Migration),
            Box::new(m0014_audit::Migration),
            Box::new(m0015_work::Migration),
            Box::new(m0016_bounds::Migration),
            Box::new(m0017_callers::Migration),
            Box::new(m0018_batch_calls::Migration),
            Box::new(m0019_owners::Migration),
            Box::new(m0020_jobs::Migration),
        ]
    }
}
