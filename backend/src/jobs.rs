//! Background jobs: what the server does again and again without being asked. Each has a period, can be woken, and
//! records how its last pass went.

mod dispatch;
mod leases;
mod leftovers;
mod reconcile;
mod record;
mod retention;
mod room;

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use api::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    leases::{TERM, owner},
    record::Record,
};
use crate::{app::App, store};

/// How many periods a server keeps a job of which there is one among all servers. Another one takes it over then.
const KEPT_PERIODS: u32 = 3;

/// What is repeated, and by whom.
struct Job {
    /// Its name in `system.status`, in `caisson doctor` and in `/metrics`.
    name: &'static str,
    /// The longest time between two passes.
    period: Duration,
    scope: Scope,
}

/// Which of several servers on the same database do a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Each does its own part.
    EachServer,
    /// One does it for all.
    OneServer,
}

/// Starts all jobs.
pub(crate) fn start(app: &App) {
    // A service, because it gives the leases up after the drivers have let go.
    app.tasks.spawn_service("job.leases", |stop| leases::run(app.clone(), stop));
    app.tasks.spawn("job.reconcile", |stop| reconcile::run(app.clone(), stop));
    app.tasks.spawn("job.leftovers", |stop| leftovers::run(app.clone(), stop));
    app.tasks.spawn("job.retention", |stop| retention::run(app.clone(), stop));
    app.tasks.spawn("job.room", |stop| room::run(app.clone(), stop));
    app.tasks.spawn("job.dispatch", |stop| dispatch::run(app.clone(), stop));
}

/// Does a job until the process stops: at once, after each period, and whenever it is woken. A pass that has begun is
/// completed.
async fn repeat<F, E>(app: &App, job: &Job, wake: &Notify, stop: &CancellationToken, pass: impl Fn() -> F)
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    app.jobs.add(job.name, job.period);
    loop {
        // Before the pass: what happens during it causes another one.
        let woken = wake.notified();
        let (at, started) = (Timestamp::now(), Instant::now());
        let done = match claim(app, job).await {
            Ok(false) => None,
            Ok(true) => Some(pass().await.map_err(|error| error.to_string())),
            Err(error) => Some(Err(error.to_string())),
        };
        if let Some(result) = done {
            if let Err(error) = &result {
                tracing::warn!(job.name, %error, "a background job failed, it is tried again");
            }
            app.jobs.done(job.name, at, started.elapsed(), result);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(job.period) => {}
        }
    }
}

/// Whether this server does the job now.
async fn claim(app: &App, job: &Job) -> Result<bool, store::Error> {
    match job.scope {
        Scope::EachServer => Ok(true),
        Scope::OneServer => app.store.job_claim(job.name, app.owner, job.period * KEPT_PERIODS).await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const JOB: Job = Job { name: "counted", period: Duration::from_secs(3600), scope: Scope::OneServer };

    #[tokio::test]
    async fn a_job_is_done_at_once_when_it_is_woken_and_after_a_failure() {
        let data = tempfile::tempdir().unwrap();
        let app = crate::app::tests::app(data.path()).await;
        let (passes, wake, stop) = (AtomicU32::new(0), Notify::new(), CancellationToken::new());
        let pass = async || match passes.fetch_add(1, Ordering::SeqCst) {
            0 => {
                wake.notify_one();
                Err("it broke")
            }
            1 => {
                let failed = app.jobs.all();
                assert!(!failed[0].ok && failed[0].detail.contains("it broke"), "{failed:?}");
                wake.notify_one();
                Ok(())
            }
            _ => {
                stop.cancel();
                Ok(())
            }
        };
        repeat(&app, &JOB, &wake, &stop, pass).await;
        let all = app.jobs.all();
        assert_eq!((all[0].name.as_str(), all[0].ok, all[0].failures), ("counted", true, 1));
        assert!(all[0].last_at.is_some() && all[0].duration_ms.is_some());
    }
}
