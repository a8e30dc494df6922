//! What Prometheus is told. Counts that must survive a restart come from the database at each look; those of
//! calls are this process's own.

mod process;

use std::{
    sync::{LazyLock, atomic::AtomicU64},
    time::Duration,
};

use api::system::Job;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::{app::App, store::Figures};

/// The format of [`text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: String,
    code: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    outcome: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    job: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pass {
    job: String,
    result: &'static str,
}

/// The calls this process has answered.
struct Calls {
    count: Family<Call, Counter>,
    seconds: Family<Method, Histogram>,
}

static CALLS: LazyLock<Calls> = LazyLock::new(|| Calls {
    count: Family::default(),
    // From half a millisecond to 8 s.
    seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 4.0, 8))),
});

/// Counts a call that was answered; `code` is 0 when it went well. Only known methods have a name of their own,
/// so that callers cannot make up new ones.
pub(crate) fn called(method: Option<&str>, code: i32, took: Duration) {
    let method = method.unwrap_or("unknown").to_owned();
    CALLS.seconds.get_or_create(&Method { method: method.clone() }).observe(took.as_secs_f64());
    CALLS.count.get_or_create(&Call { method, code }).inc();
}

/// Notes when the process began to serve.
pub(crate) fn begin() {
    LazyLock::force(&process::STARTED);
}

/// All figures in the text format of `OpenMetrics`. What cannot be found out is left out.
pub(crate) async fn text(app: &App) -> String {
    let (figures, engine) = tokio::join!(app.store.figures(), app.engine_part());
    let mut registry = Registry::with_prefix("caisson");
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("commit", crate::commit())];
    registry.register("build", "What this server was built from", Info::new(labels.to_vec()));
    gauge(&mut registry, "database_up", "Whether the database answers", u64::from(figures.is_ok()));
    gauge(&mut registry, "engine_up", "Whether the container engine answers", u64::from(engine.ok));
    gauge(&mut registry, "slots", "Runs that may work at once", u64::from(app.config.runs.slots));
    gauge(&mut registry, "slots_used", "Runs that are driven here", app.drivers().len() as u64);
    of_jobs(&mut registry, &app.jobs.all());
    match &figures {
        Ok(figures) => of_database(&mut registry, figures),
        Err(error) => tracing::warn!(%error, "the figures of the database are missing"),
    }
    registry.register("rpc_calls", "Calls answered by this process; code 0 is success", CALLS.count.clone());
    let help = "How long calls took";
    registry.register_with_unit("rpc_call_duration", help, Unit::Seconds, CALLS.seconds.clone());
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry).and_then(|()| {
        let own = process::registry();
        // One end of the document is enough, and it is the last line.
        text.truncate(text.len() - "# EOF\n".len());
        encode(&mut text, &own)
    });
    text
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    gauge.set(value as f64);
    registry.register(name, help, gauge);
}

fn of_jobs(registry: &mut Registry, jobs: &[Job]) {
    let passes = Family::<Pass, Counter>::default();
    let (last, took) = (Family::<Named, Gauge>::default(), Family::<Named, Gauge<f64, AtomicU64>>::default());
    for Job { name, passes: all, failures, last_at, duration_ms, .. } in jobs {
        for (result, count) in [("ok", all - failures), ("failed", *failures)] {
            passes.get_or_create(&Pass { job: name.clone(), result }).inc_by(count);
        }
        let (Some(at), Some(milliseconds)) = (last_at, duration_ms) else { continue };
        last.get_or_create(&Named { job: name.clone() }).set(at.as_second());
        let seconds = Duration::from_millis(*milliseconds).as_secs_f64();
        took.get_or_create(&Named { job: name.clone() }).set(seconds);
    }
    registry.register("job_passes", "Passes of background jobs of this process", passes);
    registry.register_with_unit(
        "job_last_pass_timestamp",
        "When a job's last pass began",
        Unit::Seconds,
        last,
    );
    registry.register_with_unit(
        "job_last_pass_duration",
        "How long a job's last pass took",
        Unit::Seconds,
        took,
    );
}

fn of_database(registry: &mut Registry, figures: &Figures) {
    let runs = Family::<State, Gauge>::default();
    for state in api::run::RunState::ALL.map(|state| api::run::wire_name(&state)) {
        let count = figures.runs.get(&state).copied().unwrap_or_default();
        runs.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("runs", "Runs in each state", runs);
    let ended = Family::<End, Counter>::default();
    for (outcome, reason, count) in &figures.ended {
        let end = End { outcome: outcome.clone(), reason: reason.clone() };
        ended.get_or_create(&end).inc_by(*count);
    }
    registry.register("runs_ended", "Runs that have ended, by outcome and reason", ended);
    gauge(registry, "queue_length", "Runs that wait for a place", figures.count("queued"));
    let now = api::Timestamp::now();
    let waits =
        figures.oldest_queued_at.map_or(0, |since| now.duration_since(since).as_secs().unsigned_abs());
    gauge(registry, "queue_oldest_seconds", "How long the oldest queued run waits", waits);
    gauge(registry, "gates_waiting", "Runs that wait for a person", figures.count("waiting"));
    gauge(registry, "instances", "Containers that live", figures.instances);
    gauge(registry, "batches_active", "Batches with runs that are not over", figures.batches_active);
    let events = Counter::<u64>::default();
    events.inc_by(figures.events_stored);
    registry.register("events_stored", "Events stored since the database was made", events);
}
