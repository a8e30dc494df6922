//! The lease: which runs this backend drives. Renewed while it lives, taken over by others when it does not.
//!
//! The clocks of the backends need to agree only roughly: a lease that is taken too early costs a takeover,
//! and the fence makes that harmless.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::App;

/// How long a lease holds without being renewed.
pub(crate) const TERM: Duration = Duration::from_secs(15);
/// How often it is renewed, and how often a backend looks for what others ask of its runs.
const RENEWAL: Duration = Duration::from_secs(3);

/// Who this backend is: as long as its data folder, so that a restart owns its own runs at once. The
/// folder's lock sees to it that only one process is this owner.
///
/// # Errors
/// With the file's path, when it cannot be read or written.
pub(crate) fn owner(data_dir: &Path) -> Result<Uuid, (PathBuf, io::Error)> {
    let path = data_dir.join("backend.id");
    let read = || -> io::Result<Uuid> {
        if !path.exists() {
            fs::write(&path, Uuid::now_v7().to_string())?;
        }
        fs::read_to_string(&path)?.trim().parse().map_err(io::Error::other)
    };
    read().map_err(|error| (path.clone(), error))
}

/// Renews until the process stops; then gives the leases up, when the drivers have let go.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let mut remote = app.store.remote_changes();
    let mut renewal = tokio::time::interval(RENEWAL);
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => break,
            _ = renewal.tick() => renew(&app).await,
            changed = remote.recv() => match changed {
                // Asked of another backend about a run of this one: an answer, a message, a cancellation.
                Ok(run) if app.knock_here(run) => cancel(&app).await,
                // Not one of this backend's; or too many at once: the next renewal looks at everything.
                Ok(_) | Err(RecvError::Lagged(_)) => Ok(()),
                Err(RecvError::Closed) => break,
            },
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the leases of this backend's runs could not be renewed, trying again");
        }
    }
    if let Err(error) = app.store.lease_release(app.owner).await {
        tracing::warn!(%error, "the leases could not be given up; others wait for their ends");
    }
}

async fn renew(app: &App) -> Result<(), crate::store::Error> {
    app.store.lease_renew(app.owner, TERM).await?;
    cancel(app).await
}

/// Stops the runs of this backend that somebody wants to stop.
async fn cancel(app: &App) -> Result<(), crate::store::Error> {
    for id in app.store.lease_list_cancelled(app.owner).await? {
        if let Some(driver) = app.drivers().get(&id) {
            driver.cancel.cancel();
        }
    }
    Ok(())
}
