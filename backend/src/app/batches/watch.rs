//! Watching a batch: what it looks like now, and again after each change of its runs, until all are over.

use std::time::Duration;

use api::{batch::Batch, id::BatchId};
use futures::Stream;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::store::{Error, Store};

/// How long changes gather before the batch is looked at again: a thousand runs change often.
const GATHER: Duration = Duration::from_millis(250);

/// The batch now and after each change. The last one is not `active`.
pub(crate) fn changes(store: Store, id: BatchId) -> impl Stream<Item = Result<Batch, Error>> {
    async_stream::try_stream! {
        // Heard before reading, so that nothing is missed in between.
        let mut changed = store.run_changes();
        while let Some(batch) = store.batch_fetch(id).await? {
            let active = batch.active;
            yield batch;
            if !active || !next(&store, id, &mut changed).await? {
                return;
            }
        }
    }
}

/// Waits until a run of the batch has changed; `false` when there will be no more changes.
async fn next(store: &Store, id: BatchId, changed: &mut Receiver<api::id::RunId>) -> Result<bool, Error> {
    loop {
        let mut runs = match changed.recv().await {
            Ok(run) => vec![run],
            // Too many to tell which: look.
            Err(RecvError::Lagged(_)) => return Ok(true),
            Err(RecvError::Closed) => return Ok(false),
        };
        tokio::time::sleep(GATHER).await;
        while let Ok(run) = changed.try_recv() {
            runs.push(run);
        }
        if store.batch_has_any(id, &runs).await? {
            return Ok(true);
        }
    }
}
