//! Looks at the room on the database's disk, so that runs that wait for it go on.

use std::{convert::Infallible, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Job, Scope, repeat};
use crate::app::App;

const JOB: Job = Job { name: "room", period: Duration::from_secs(2), scope: Scope::EachServer };

/// Runs until the process stops.
pub(super) async fn run(app: App, stop: CancellationToken) {
    let pass = async || {
        app.room.look();
        Ok::<_, Infallible>(())
    };
    repeat(&app, &JOB, &Notify::new(), &stop, pass).await;
}
