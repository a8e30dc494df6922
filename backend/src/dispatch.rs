//! The dispatcher: gives queued runs a place, oldest first, as many as there are slots.

use std::time::Duration;

use api::run::{RunState, Transition};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    drive,
    store::{Error, RunWrite},
};

/// How often the queue is looked at without a bell.
const TICK: Duration = Duration::from_secs(5);

/// Runs until the process stops.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    loop {
        let bell = app.queue_bell.notified();
        if let Err(error) = fill(&app).await {
            tracing::warn!(%error, "the queue cannot be read, trying again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = bell => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Claims as many runs as there are free slots, and starts a driver for each.
async fn fill(app: &App) -> Result<(), Error> {
    let free = (app.config.runs.slots as usize).saturating_sub(app.drivers().len());
    if free == 0 {
        return Ok(());
    }
    for id in app.store.run_list_queued(free as u64).await? {
        let mut claim = RunWrite::of(id).transition(Transition::Claim);
        claim.only_in = Some(RunState::Queued);
        match app.store.run_write(claim).await {
            Ok(_) => drop(drive::spawn(app, id)),
            // Cancelled in this very moment, or claimed by another backend.
            Err(Error::Stale(_) | Error::Illegal(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
