//! How long it takes from handing a write to the store to the frame at a WebSocket subscriber of a real server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api::{
    Timestamp,
    id::{RunId, TaskId},
    rpc::runs::RunsApiClient,
    run::{Run, RunState},
    stream::Frame,
    task::{Step, TaskSpec},
};
use backend::{
    Backend,
    store::{NewEvent, RunWrite, Store},
};
use jsonrpsee::ws_client::{HeaderMap, HeaderValue, WsClient, WsClientBuilder};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinSet, time::interval_at};
use tokio_util::task::TaskTracker;

use crate::{
    database::Kind,
    harness::within,
    program::resident,
    report::{Report, Samples, Target},
    scale::Scale,
    served::{TOKEN, settings},
    standing::{self, Standing},
    streams::body,
};

/// Subscribers on one connection.
const PER_CONNECTION: usize = 10;
/// Between two events of one run.
const PACE: Duration = Duration::from_millis(100);
/// All subscribers come with one token and at once, which is no caller that the server's limits are for.
const LIMITS: [&str; 4] = [
    "--calls-per-second=1000000",
    "--calls-burst=1000000",
    "--calls-at-once=100000",
    "--max-connections=2000",
];

/// Measures on a server in this process, so that there is one clock.
pub async fn measure(kind: &Kind, scale: Scale, report: &mut Report) {
    // Runs that write at once, each with one subscriber: 1,000 events a second in all.
    let (run_count, events, rounds) = (scale.of(100, 2), scale.of(30, 2), scale.of(3, 1));
    let name = kind.name();
    eprintln!("latency on {name}: {run_count} runs, {events} events each, {rounds} rounds");
    let mut half = Samples::new(format!("append to frame, p50, {name}"), "ms");
    let mut most = Samples::new(format!("append to frame, p99, {name}"), "ms");
    let fresh = kind.fresh().await;
    let data = TempDir::new().expect("a folder");
    let database = format!("--database-url={}", fresh.url);
    let limits = [&[database.as_str()], &LIMITS[..]].concat();
    let config = settings(data.path(), &limits).expect("settings");
    let backend = Backend::open(config).await.expect("a server");
    let (address, store, tasks) = (backend.address().expect("an address"), backend.store(), backend.tasks());
    let ended = TaskTracker::new().spawn(async move { backend.run().await.expect("a clean end") });
    for _ in 0..rounds {
        let mut runs = Vec::new();
        for _ in 0..run_count {
            runs.push(insert_ended(&fresh.store).await);
        }
        let times = round(&store, &address.to_string(), &runs, events).await;
        half.push(times[times.len() / 2]);
        most.push(times[times.len() * 99 / 100]);
    }
    report.add_with_target(&half, Target::AtMost(5.0));
    report.add_with_target(&most, Target::AtMost(30.0));
    let standing = scale.of(1_000, 4);
    let mut beside = Samples::new(
        format!("append to frame beside {standing} readers that stand still, p99, {name}"),
        "ms",
    );
    let mut growth = Samples::new(format!("memory of {standing} readers that stand still, {name}"), "MB");
    let long = insert_ended(&fresh.store).await;
    standing::log(&fresh.store, long).await;
    let before = resident(std::process::id());
    let readers = Standing::start(standing, &address.to_string(), long).await;
    for _ in 0..rounds {
        let mut runs = Vec::new();
        for _ in 0..run_count {
            runs.push(insert_ended(&fresh.store).await);
        }
        let times = round(&store, &address.to_string(), &runs, events).await;
        beside.push(times[times.len() * 99 / 100]);
        growth.push(resident(std::process::id()) - before);
    }
    readers.stop().await;
    report.add_with_target(&beside, Target::AtMost(30.0));
    report.add_with_target(&growth, Target::AtMost(400.0));
    tasks.stop();
    within("the server's stop", ended).await.expect("no panic");
    fresh.remove().await;
}

/// A run that nobody drives, whose log goes on all the same.
async fn insert_ended(store: &Store) -> RunId {
    let spec = TaskSpec::new("A task", vec![Step { instructions: "Do it.".into(), checks: Vec::new() }]);
    let mut run = Run::queued(RunId::mint(), TaskId::mint(), spec, "acme/web".into(), Timestamp::now());
    run.state = RunState::Ended;
    store.run_insert(&run, None).await.expect("a run");
    run.id
}

/// Milliseconds of every event, sorted.
async fn round(store: &Store, address: &str, runs: &[RunId], events: usize) -> Vec<f64> {
    let (took, mut times) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let count = runs.len();
    let begin = tokio::time::Instant::now() + Duration::from_millis(300);
    for (at, runs) in runs.chunks(PER_CONNECTION).enumerate() {
        let client = Arc::new(connect(address).await);
        for (more, &run) in runs.iter().enumerate() {
            let (sent, begun) = mpsc::unbounded_channel();
            tasks.spawn(read(client.clone(), run, events, (begun, took.clone())));
            // One after the other, as independent runs would.
            let first = begin
                + PACE * u32::try_from(at * PER_CONNECTION + more).expect("few")
                    / u32::try_from(count).expect("few");
            tasks.spawn(write(store.clone(), run, events, (first, sent)));
        }
    }
    drop(took);
    while let Some(ended) = within("a reader's or writer's end", tasks.join_next()).await {
        ended.expect("no panic");
    }
    let mut all = Vec::new();
    while let Some(time) = times.recv().await {
        all.push(time);
    }
    assert_eq!(all.len(), count * events);
    all.sort_by(f64::total_cmp);
    all
}

async fn write(
    store: Store,
    run: RunId,
    events: usize,
    (first, sent): (tokio::time::Instant, mpsc::UnboundedSender<Instant>),
) {
    let mut pace = interval_at(first, PACE);
    for number in 0..events {
        let mut write = RunWrite::of(run);
        write.events.push(NewEvent { at: Timestamp::now(), step: Some(1), body: body(number), n: None });
        pace.tick().await;
        sent.send(Instant::now()).expect("a reader");
        store.run_write(write).await.expect("written");
    }
}

async fn read(
    client: Arc<WsClient>,
    run: RunId,
    events: usize,
    (mut begun, took): (mpsc::UnboundedReceiver<Instant>, mpsc::UnboundedSender<f64>),
) {
    let mut frames = client.on_message(run, None).await.expect("a subscription");
    let mut seen = 0;
    while seen < events {
        if let Frame::Item { event } = within("a frame", frames.next()).await.expect("no cut").expect("one") {
            seen += 1;
            assert_eq!(event.seq, seen as i64, "no gap and no double");
            let begun = begun.recv().await.expect("it was sent");
            took.send(begun.elapsed().as_secs_f64() * 1e3).expect("it is counted");
        }
    }
}

async fn connect(address: &str) -> WsClient {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {TOKEN}")).expect("a header"));
    WsClientBuilder::default()
        .set_headers(headers)
        .build(format!("ws://{address}/rpc"))
        .await
        .expect("a connection")
}
