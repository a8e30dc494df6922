//! Removes networks and volumes that no run needs. Nothing of ours leaves any: they are from other versions, or made
//! by hand.

use std::{collections::HashSet, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Job, Scope, repeat};
use crate::app::{App, Error};

const JOB: Job = Job { name: "leftovers", period: Duration::from_secs(60), scope: Scope::EachServer };

/// Runs until the process stops.
pub(super) async fn run(app: App, stop: CancellationToken) {
    repeat(&app, &JOB, &Notify::new(), &stop, || remove(&app)).await;
}

async fn remove(app: &App) -> Result<(), Error> {
    let live: HashSet<_> = app.store.queue_list_working().await?.into_iter().map(|row| row.id).collect();
    for name in app.engine.remove_leftovers(&live).await? {
        tracing::info!(name, "removed a network or volume that no run needs");
    }
    Ok(())
}
