//! The lease: which runs this backend drives. Renewed while it lives, taken over by others when it does not.
//!
//! The clocks of the backends need to agree only roughly: a lease that is taken too early costs a takeover,
//! and the fence makes that harmless.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::{Notify, broadcast::error::RecvError};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Job, Scope, repeat};
use crate::{app::App, store::Error};

/// How long a lease holds without being renewed.
pub(crate) const TERM: Duration = Duration::from_secs(15);
/// Renews the leases, and looks for what other backends ask of this one's runs.
const JOB: Job = Job { name: "leases", period: Duration::from_secs(3), scope: Scope::EachServer };

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
pub(super) async fn run(app: App, stop: CancellationToken) {
    let wake = Notify::new();
    tokio::join!(repeat(&app, &JOB, &wake, &stop, || renew(&app)), watch(&app, &wake, &stop));
    if let Err(error) = app.store.lease_release(app.owner).await {
        tracing::warn!(%error, "the leases could not be given up; others wait for their ends");
    }
}

/// Wakes the job when another backend was asked something about a run of this one: an answer, a message, a
/// cancellation. Of too many at once some are lost: the next pass looks at all runs.
async fn watch(app: &App, wake: &Notify, stop: &CancellationToken) {
    let mut remote = app.store.remote_changes();
    loop {
        let changed = tokio::select! {
            () = stop.cancelled() => return,
            changed = remote.recv() => changed,
        };
        match changed {
            Ok(run) if app.wake_here(run) => wake.notify_one(),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

async fn renew(app: &App) -> Result<(), Error> {
    app.store.lease_renew(app.owner, TERM).await?;
    cancel(app).await
}

/// Stops the runs of this backend that somebody wants to stop.
async fn cancel(app: &App) -> Result<(), Error> {
    for id in app.store.lease_list_cancelled(app.owner).await? {
        if let Some(driver) = app.drivers().get(&id) {
            driver.cancel.cancel();
        }
    }
    Ok(())
}
