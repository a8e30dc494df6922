//! Everything at once: hostile runs of every kind beside honest ones, readers that stand still, a small disk, and a
//! server that may have 512 MiB. The honest runs end right, everybody is answered, and nothing is killed.

use std::time::{Duration, Instant};

use api::{
    event::EventBody,
    id::{RunId, TaskId},
    rpc::{runs::RunsApiClient, system::SystemApiClient},
    run::{Outcome, RunState},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::future::join_all;
use jsonrpsee::ws_client::WsClient;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::world::{FileDisk, MemoryLimit, TOKEN, World, client_run, create_task, image_with, step};

/// What the hostile agent does.
const AGENT: &str = include_str!("shares.py");
/// What the server may have, in MiB.
pub const MEMORY: u64 = 512;
/// The disk of its database, in MiB.
pub const DISK: u64 = 1024;
/// What stays free of that disk, in MiB: below a fiftieth nothing is stored but what the server itself has to say, and
/// the file system has taken its own part before.
pub const FLOOR: u64 = DISK / 60;
/// The hostile ones, by what they do.
const ATTACKS: [&str; 5] = ["questions", "log", "names", "lines", "calls"];
/// How long all of it may take: forty containers start on whatever machine this is.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// The most memory that the server had by itself, in MiB.
    pub memory: u64,
    /// The least that was free of its disk, in MiB.
    pub disk: u64,
    /// The answer that took longest, of one call after another all the time.
    pub slowest: Duration,
    /// How many honest runs ended right.
    pub right: usize,
}

/// The setting of an image whose agent does what the repository's file `attack` says; without one it is the real one.
pub fn hostile() -> String {
    let agent = BASE64_STANDARD.encode(AGENT);
    let put = format!(
        "RUN cd /usr/local/bin && mv claude claude-real && echo {agent} | base64 -d > claude && chmod +x claude"
    );
    format!("--image={}", image_with("shares", &put))
}

/// So many hostile and so many honest runs at once.
pub async fn siege(hostile_runs: usize, honest_runs: usize) -> Measured {
    let disk = FileDisk::new(DISK);
    let url = format!("--database-url=sqlite://{}?mode=rwc", disk.path().join("caisson.db").display());
    let slots = format!("--slots={}", hostile_runs + honest_runs);
    let settings = [
        hostile(),
        url,
        slots,
        "--auto-retries=0".to_owned(),
        "--log-bytes=128m".to_owned(),
        "--disk=512m".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let limit = MemoryLimit::new(MEMORY << 20);
    let world = World::start_apart(&settings).await;
    limit.add(world.process());
    let client = world.client().await;
    let task = create_task(&client, vec![step("First step.", &["true"])]).await.id;

    for attack in ATTACKS {
        world.repository(attack);
        world.commit(attack, "attack", attack);
    }
    let mut attackers = Vec::new();
    for n in 0..hostile_runs {
        attackers.push(launched(&client, task, &world.url(ATTACKS[n % ATTACKS.len()])).await);
    }
    let mut honest = Vec::new();
    for n in 0..honest_runs {
        honest.push(launched(&client, task, &world.repository(&format!("honest-{n}"))).await);
    }
    let readers = join_all(attackers.iter().map(|&run| stand_still(&world.address, run))).await;

    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let (caller, stopped, of) = (world.client().await, stop.clone(), honest[0]);
    let calls = tracker.spawn(async move { call_all_the_time(&caller, of, stopped).await });
    let (folder, stopped) = (disk.path().to_owned(), stop.clone());
    let process = world.process();
    let room = tracker.spawn(async move { extremes(&folder, process, stopped).await });

    let ended = tokio::time::timeout(PATIENCE, join_all(honest.iter().map(|&run| over(&client, run)))).await;
    let ended = ended.expect("the honest runs end");
    let right = ended.iter().filter(|outcome| **outcome == Some(Outcome::Succeeded)).count();
    drop(readers);
    for &run in &attackers {
        let _ = RunsApiClient::cancel(&client, run).await;
    }
    let gone =
        tokio::time::timeout(PATIENCE, join_all(attackers.iter().map(|&run| over(&client, run)))).await;
    assert!(gone.is_ok(), "every hostile run can be stopped");
    stop.cancel();
    let (slowest, (disk, memory)) = (calls.await.expect("the calls"), room.await.expect("the room"));
    SystemApiClient::status(&client).await.expect("the server lives");
    assert_eq!(limit.kills(), 0, "nothing was killed for memory");
    Measured { memory: memory >> 20, disk: disk >> 20, slowest, right }
}

async fn launched(client: &WsClient, task: TaskId, repository: &str) -> RunId {
    let created = RunsApiClient::create(client, task, repository.to_owned(), None, None, None).await;
    created.expect("a run").id
}

/// The outcome of a run, when it is over. Asked again and again: to follow it is to read what it says.
async fn over(client: &WsClient, run: RunId) -> Option<Outcome> {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    loop {
        ticks.tick().await;
        let run = client_run(client, run).await;
        if run.state == RunState::Ended {
            return run.outcome;
        }
    }
}

/// Asks for the events of a run and reads none of them.
async fn stand_still(address: &str, run: RunId) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET /api/runs/{run}/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("asked");
    socket
}

/// The slowest of calls that are made one after the other.
async fn call_all_the_time(client: &WsClient, run: RunId, stop: CancellationToken) -> Duration {
    let (mut slowest, mut ticks) = (Duration::ZERO, tokio::time::interval(Duration::from_millis(100)));
    while !stop.is_cancelled() {
        ticks.tick().await;
        let began = Instant::now();
        RunsApiClient::list(client, None, None, None, None, None, None, Some(50)).await.expect("a list");
        slowest = slowest.max(began.elapsed());
        let began = Instant::now();
        let page = RunsApiClient::messages(client, run, None, Some(10)).await.expect("events");
        assert!(page.items.iter().all(|event| !matches!(event.body, EventBody::Gate(_))));
        slowest = slowest.max(began.elapsed());
    }
    slowest
}

/// The least room that there was on the disk and the most memory of the server, in bytes.
async fn extremes(folder: &std::path::Path, process: u32, stop: CancellationToken) -> (u64, u64) {
    let (mut least, mut most, mut ticks) = (u64::MAX, 0, tokio::time::interval(Duration::from_millis(100)));
    while !stop.is_cancelled() {
        ticks.tick().await;
        let found = nix::sys::statvfs::statvfs(folder).expect("the disk");
        least = least.min(found.blocks_available() * found.fragment_size());
        most = most.max(MemoryLimit::used(process));
    }
    (least, most)
}
