//! What is kept only so long goes: events and artifacts of old runs, the audit log, sessions that are over.

use std::time::Duration;

use api::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Job, Scope, repeat};
use crate::{app::App, store::Error};

const JOB: Job = Job { name: "retention", period: Duration::from_secs(600), scope: Scope::OneServer };

/// Days for which the value that a secret had before is kept for masking: longer than a run may take.
const REPLACED_DAYS: u32 = 30;
/// Days for which a state change waits for somebody to deliver it.
const OUTBOX_DAYS: u32 = 7;
/// How many runs are looked up at once.
const RUNS: u64 = 100;

/// Runs until the process stops.
pub(super) async fn run(app: App, stop: CancellationToken) {
    repeat(&app, &JOB, &Notify::new(), &stop, || tidy(&app, &stop)).await;
}

async fn tidy(app: &App, stop: &CancellationToken) -> Result<(), Error> {
    let store = &app.store;
    store.session_remove_over().await?;
    if let Some(before) = ago(REPLACED_DAYS) {
        store.secret_forget_replaced(before).await?;
    }
    if let Some(before) = ago(app.config.storage.audit_days) {
        while !stop.is_cancelled() && 0 < store.audit_remove_some(before).await? {}
    }
    if let Some(before) = ago(OUTBOX_DAYS) {
        while !stop.is_cancelled() && store.outbox_remove_some(before).await? > 0 {}
    }
    // Without a limit this still goes on with a removal that was interrupted.
    let before = ago(app.config.storage.keep_events_days).unwrap_or(Timestamp::MIN);
    let (mut runs, mut events) = (0, 0);
    loop {
        let old = store.retention_list_events(before, RUNS).await?;
        for run in &old {
            if stop.is_cancelled() {
                return Ok(());
            }
            events += store.retention_remove_events(*run).await?;
            store.run_changed(*run);
        }
        runs += old.len();
        if old.is_empty() {
            break;
        }
    }
    if 0 < runs {
        tracing::info!(runs, events, "removed the events of old runs");
    }
    let Some(before) = ago(app.config.storage.keep_artifacts_days) else { return Ok(()) };
    loop {
        let old = store.retention_list_artifacts(before, RUNS).await?;
        for run in &old {
            if stop.is_cancelled() {
                return Ok(());
            }
            store.retention_remove_artifacts(*run).await?;
            store.run_changed(*run);
        }
        if old.is_empty() {
            return Ok(());
        }
    }
}

/// The moment so many days ago; `None` for 0, which keeps for ever.
fn ago(days: u32) -> Option<Timestamp> {
    let past = Duration::from_secs(u64::from(days) * 24 * 3600);
    (0 < days).then(|| Timestamp::now() - past)
}
