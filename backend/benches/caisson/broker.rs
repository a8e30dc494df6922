//! What the broker adds to what it passes on: the first byte of a model call and the bytes of a fetch, against
//! the same upstream asked directly; from inside the broker, and through a real executor and its link.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use api::id::RunId;
use axum::{
    Router,
    body::Body,
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use backend::{
    agent::Agent,
    broker::{Access, Broker, Meter, Permit, Secret, Settings, Spent},
    tasks::Tasks,
};
use bytes::Bytes;
use clap::Parser;
use executor::{Config, Executor};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{
    harness::within,
    report::{Report, Samples, Target},
};

/// Model calls in each round, one after the other.
const CALLS: usize = 200;
const ROUNDS: usize = 7;
/// The size of a fetch.
const FETCH: usize = 512 << 20;
/// As a git server writes: one packet line after the other, gathered by its HTTP.
const PIECE: usize = 64 << 10;
const TOKEN: &str = "token-of-the-bench";
/// What the CLI sends in its first call, more or less.
const CALL: usize = 50_000;

/// Notes nothing.
struct Nobody;

impl Meter for Nobody {
    fn admit(&self) -> BoxFuture<'_, Result<Permit, String>> {
        async { Ok(Box::new(()) as Permit) }.boxed()
    }

    fn spent(&self, _: Spent) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    fn refused(&self, _: u16, _: String) {}
}

/// The upstream, the broker on a port of its own, and a real executor with its link to the broker.
struct World {
    upstream: SocketAddr,
    broker: SocketAddr,
    relay: SocketAddr,
    tasks: Tasks,
    _folder: TempDir,
}

/// Measures the model calls.
pub async fn measure_model(report: &mut Report) {
    eprintln!("broker: {CALLS} model calls, {ROUNDS} rounds");
    let world = World::start().await;
    let mut direct = Samples::new("model call, first byte, direct", "ms");
    let mut brokered = Samples::new("model call, first byte, broker", "ms");
    let mut linked = Samples::new("model call, first byte, executor and broker", "ms");
    let mut added = Samples::new("model call, first byte, added by both", "ms");
    for _ in 0..ROUNDS {
        let times =
            [first_byte(world.upstream).await, first_byte(world.broker).await, first_byte(world.relay).await];
        for (samples, time) in [&mut direct, &mut brokered, &mut linked].into_iter().zip(times) {
            samples.push(time);
        }
        added.push(times[2] - times[0]);
    }
    for samples in [&direct, &brokered, &linked] {
        report.add(samples);
    }
    report.add_with_target(&added, Target::AtMost(3.0));
    world.stop().await;
}

/// Measures the fetches.
pub async fn measure_git(report: &mut Report) {
    eprintln!("git_gateway: {} MB, {ROUNDS} rounds", FETCH >> 20);
    let world = World::start().await;
    let mut direct = Samples::new("fetch, direct", "MB/s");
    let mut gateway = Samples::new("fetch, git gateway", "MB/s");
    let mut linked = Samples::new("fetch, executor and git gateway", "MB/s");
    let path = format!("/git/http/{}/r.git/git-upload-pack", world.upstream);
    for _ in 0..ROUNDS {
        direct.push(fetch(world.upstream, "/r.git/git-upload-pack").await);
        gateway.push(fetch(world.broker, &path).await);
        linked.push(fetch(world.relay, &path).await);
    }
    report.add(&direct);
    report.add_with_target(&gateway, Target::AtLeast(200.0));
    report.add_with_target(&linked, Target::AtLeast(200.0));
    report.add_ratio("fetch, executor and gateway : direct", &linked, &direct, None);
    world.stop().await;
}

impl World {
    async fn start() -> Self {
        let tasks = Tasks::default();
        let upstream = serve(&tasks, upstream()).await;
        let settings = Settings {
            api_key: Some(Secret::new("a-key-of-the-bench")),
            base_url: Some(format!("http://{upstream}")),
            ..Settings::default()
        };
        let access = Access {
            run: RunId::mint(),
            model_token: TOKEN.to_owned(),
            models: vec!["claude-*".to_owned()],
            repository: format!("http://{upstream}/r.git").parse().expect("a URL"),
            readable: Vec::new(),
            branch: "work".to_owned(),
            meter: Arc::new(Nobody),
        };
        let router = Broker::new(&settings, tasks.clone()).expect("a broker").router(access);
        let broker = serve(&tasks, router.clone()).await;
        let folder = TempDir::new().expect("a folder");
        let executor = Executor::bind(config(&folder)).await.expect("an executor");
        let (address, relay) =
            (executor.address().expect("an address"), executor.relay_address().expect("an address"));
        tasks.spawn("executor", |stop| async move {
            executor.serve(stop).await.expect("a clean end");
        });
        let agent = Agent::new(address.port(), TOKEN.to_owned());
        agent.wait_ready(Duration::from_secs(10)).await.expect("an executor that answers");
        tasks.spawn("link", |stop| async move {
            agent.serve_link(router, stop).await.expect("a link");
        });
        Self { upstream, broker, relay, tasks, _folder: folder }
    }

    async fn stop(self) {
        self.tasks.drain(Duration::from_secs(10)).await;
    }
}

/// The settings of an executor, as its command line reads them.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

/// Nothing is run in it: it only relays.
fn config(folder: &TempDir) -> Config {
    let folder = folder.path().to_str().expect("a plain name");
    let arguments = [
        ["--listen", "127.0.0.1:0"],
        ["--relay", "127.0.0.1:0"],
        ["--token", TOKEN],
        ["--firewall", "unchecked"],
        ["--agent-user", ""],
        ["--agent-home", folder],
        ["--workspace", folder],
        ["--spool", folder],
    ];
    Cli::parse_from([""].into_iter().chain(arguments.into_iter().flatten())).config
}

/// A model that answers at once, and a git server that has a large pack.
fn upstream() -> Router {
    let model = |body: Bytes| async move {
        assert!(CALL <= body.len(), "the whole call");
        let event = "event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n";
        ([("content-type", "text/event-stream")], event).into_response()
    };
    let pack = || async {
        let piece = Bytes::from(vec![b'x'; PIECE]);
        let pieces = (0..FETCH / PIECE).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
        Body::from_stream(stream::iter(pieces))
    };
    Router::new()
        .route("/v1/messages", post(model))
        .route("/r.git/git-upload-pack", post(pack))
        .route("/", get(|| async {}))
        .layer(axum::extract::DefaultBodyLimit::disable())
}

async fn serve(tasks: &Tasks, router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    // Without this an answer in two pieces waits 40 ms for an acknowledgement.
    let listener = listener.tap_io(|socket| socket.set_nodelay(true).expect("a socket"));
    tasks.spawn("served", |stop| async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        served.await.expect("a clean end");
    });
    address
}

/// The median, in milliseconds, until the first byte of the answer's body is there.
async fn first_byte(place: SocketAddr) -> f64 {
    let client = reqwest::Client::new();
    let filler = "x".repeat(CALL);
    let body =
        format!(r#"{{"model":"claude-sonnet-5-5","messages":[{{"role":"user","content":"{filler}"}}]}}"#);
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let call = client.post(format!("http://{place}/v1/messages?beta=true")).header("x-api-key", TOKEN);
        let begun = Instant::now();
        let answer = within("an answer", call.body(body.clone()).send()).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut pieces = answer.bytes_stream();
        pieces.next().await.expect("a byte").expect("no cut");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        while let Some(piece) = pieces.next().await {
            piece.expect("no cut");
        }
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred millions are exact")]
async fn fetch(place: SocketAddr, path: &str) -> f64 {
    let call = reqwest::Client::new().post(format!("http://{place}{path}")).body("0000");
    let begun = Instant::now();
    let answer = within("an answer", call.send()).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let mut pieces = answer.bytes_stream();
    let mut size = 0;
    while let Some(piece) = within("more", pieces.next()).await {
        size += piece.expect("no cut").len();
    }
    assert_eq!(size, FETCH);
    size as f64 / 1e6 / begun.elapsed().as_secs_f64()
}
