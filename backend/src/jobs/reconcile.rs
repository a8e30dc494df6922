//! Compares what should be with what is, at the start and regularly. It is also crash recovery.

use std::{collections::HashSet, time::Duration};

use api::{id::InstanceId, instance::InstanceState, run::RunState};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Job, Scope, repeat};
use crate::{
    app::{App, Error},
    drive,
};

/// Its period is also how soon after its lease a run of a dead backend is taken over.
const JOB: Job = Job { name: "reconcile", period: Duration::from_secs(5), scope: Scope::EachServer };

/// Runs until the process stops.
pub(super) async fn run(app: App, stop: CancellationToken) {
    repeat(&app, &JOB, &Notify::new(), &stop, || reconcile(&app)).await;
}

/// Every live run that is nobody else's has a driver here, every container a live run, every instance that is not over a container.
async fn reconcile(app: &App) -> Result<(), Error> {
    for run in app.store.lease_list_free(app.owner).await? {
        drive::spawn(app, run);
    }
    let containers = app.engine.list().await?;
    let mut wanted: HashSet<InstanceId> = HashSet::new();
    for instance in app.store.instance_list_live().await? {
        let run = app.store.run_state(instance.run_id).await?;
        if run.is_some_and(|(state, of_run)| state != RunState::Ended && of_run == Some(instance.id)) {
            wanted.insert(instance.id);
        } else if !containers.iter().any(|live| live.instance == instance.id) {
            app.store.instance_set_state(instance.id, InstanceState::Removed).await?;
        }
    }
    for orphan in containers.iter().filter(|live| !wanted.contains(&live.instance)) {
        if is_young(app, orphan.instance).await? {
            continue;
        }
        tracing::info!(instance.id = %orphan.instance, "removing a container that no run needs");
        app.engine.remove(&orphan.container_id).await?;
        app.store.instance_set_state(orphan.instance, InstanceState::Removed).await?;
    }
    Ok(())
}

/// Whether a container belongs to a driver that is just writing it down.
async fn is_young(app: &App, instance: InstanceId) -> Result<bool, Error> {
    let Some(known) = app.store.instance_fetch(instance).await? else { return Ok(false) };
    if app.drivers().contains_key(&known.run_id) {
        return Ok(true);
    }
    // Another backend's driver may be at it.
    let run = app.store.run_state(known.run_id).await?;
    Ok(run.is_some_and(|(state, instance)| state != RunState::Ended && instance.is_none()))
}
