//! Networks and volumes that nobody needs any more.

use std::collections::HashSet;

use crate::app::{App, Error};

/// Removes them.
pub(super) async fn remove(app: &App) -> Result<(), Error> {
    let live: HashSet<_> = app.store.queue_list_working().await?.into_iter().map(|row| row.id).collect();
    for name in app.engine.remove_leftovers(&live).await? {
        tracing::info!(name, "removed a network or volume that no run needs");
    }
    Ok(())
}
