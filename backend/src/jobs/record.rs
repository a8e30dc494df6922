//! How the background jobs of this server went.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use api::{Timestamp, system::Job};

/// The last pass of each job of this process.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<BTreeMap<&'static str, Job>>);

impl Record {
    /// Every job, by name.
    pub(crate) fn all(&self) -> Vec<Job> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Adds a job that was not done yet.
    pub(super) fn add(&self, name: &'static str, period: Duration) {
        let job = Job {
            name: name.to_owned(),
            period_seconds: period.as_secs(),
            ok: true,
            detail: "not done by this server yet".to_owned(),
            last_at: None,
            duration_ms: None,
            passes: 0,
            failures: 0,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, job);
    }

    /// Notes a pass, when it began, how long it took and how it ended.
    pub(super) fn done(&self, name: &str, at: Timestamp, took: Duration, result: Result<(), String>) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(job) = jobs.get_mut(name) else { return };
        job.passes += 1;
        job.failures += u64::from(result.is_err());
        job.ok = result.is_ok();
        job.detail =
            result.map_or_else(|why| format!("failed, and is tried again: {why}"), |()| "ok".to_owned());
        job.last_at = Some(at);
        job.duration_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}
