//! Batches that begin no further run: cancelled, too many failures, or out of money.

use std::collections::{HashMap, HashSet};

use api::id::{BatchId, RunId};

use crate::{
    app::{App, Error},
    budget::Budget,
    store::{BatchLimits, QueueRow},
};

/// Looks at the batches of these queued runs; those that have to stop are stopped and their queued runs end
/// `cancelled`. Returns the batches that go on.
///
/// A stop that a crash has interrupted is written down and comes by here again.
pub(super) async fn stop(app: &App, queued: &[QueueRow]) -> Result<HashMap<BatchId, BatchLimits>, Error> {
    let ids: HashSet<BatchId> = queued.iter().filter_map(|row| row.batch_id).collect();
    let ids: Vec<BatchId> = ids.into_iter().collect();
    let mut going = HashMap::new();
    for (id, batch) in app.store.queue_batches(&ids).await? {
        let why = match batch.stopped.clone() {
            Some(why) => why,
            None => match why_stop(app, &batch).await? {
                Some(why) => {
                    tracing::info!(batch.id = %id, why, "a batch begins no further run");
                    app.store.batch_stop(id, &why, false).await?;
                    why
                }
                None => {
                    going.insert(id, batch);
                    continue;
                }
            },
        };
        let runs: Vec<RunId> =
            queued.iter().filter(|row| row.batch_id == Some(id)).map(|row| row.id).collect();
        app.batch_end_queued(runs, &format!("It was not begun, because its batch was stopped: {why}"))
            .await?;
    }
    Ok(going)
}

async fn why_stop(app: &App, batch: &BatchLimits) -> Result<Option<String>, Error> {
    if let Some(most) = batch.stop_after_failures {
        let failures = app.store.batch_failures(batch.id).await?;
        if u64::from(most) <= failures {
            return Ok(Some(format!(
                "{failures} of its runs have failed, and it stops after {most}. Retry the failed ones to go on."
            )));
        }
    }
    if batch.budget_usd.is_some()
        && let Some(Budget { limit, spent, .. }) = app.store.batch_budget(batch.id).await?
        && let Some(limit) = limit.filter(|limit| *limit <= spent)
    {
        return Ok(Some(format!("Its budget of {limit:.2} US dollars is used up: {spent:.4} are spent.")));
    }
    Ok(None)
}
