//! What the broker adds to what it passes on: the first byte of a model call and the bytes of a fetch, against
//! the same upstream asked directly; from inside the broker, and through a real executor and its link.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use api::id::{InstanceId, RunId};
use axum::{
    Router,
    body::Body,
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use backend::{
    agent::{Agent, Dial},
    broker::{Access, Broker, Meter, Permit, Secret, Settings, Spent},
    keys::Keys,
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
    scale::Scale,
};

/// As a git server writes: one packet line after the other, gathered by its HTTP.
const PIECE: usize = 64 << 10;
const TOKEN: &str = "token-of-the-bench";
/// What the CLI sends in its first call, more or less.
const CALL: usize = 50_000;

/// Notes nothing.
struct Nobody;

impl Meter for Nobody {
    fn has_limit(&self) -> bool {
        false
    }

    fn admit(&self, _most: Option<f64>) -> BoxFuture<'_, Result<Permit, String>> {
        async { Ok(Box::new(()) as Permit) }.boxed()
    }

    fn spent(&self, _: Spent) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    fn refused(&self, _: u16, _: String) {}
}

/// The upstream, the broker on a port of its own, and two real executors: the link of one ends in that broker,
/// the link of the other in the upstream.
struct World {
    upstream: SocketAddr,
    broker: SocketAddr,
    link: SocketAddr,
    both: SocketAddr,
    tasks: Tasks,
    _folders: [TempDir; 2],
}

/// Measures the model calls: each place in turn, call by call.
pub async fn measure_model(scale: Scale, report: &mut Report) {
    // Model calls in each round, one after the other.
    let (calls, rounds) = (scale.of(200_usize, 2), scale.of(7, 1));
    eprintln!("broker: {calls} model calls, {rounds} rounds");
    let world = World::start(0).await;
    let places = [world.upstream, world.broker, world.link, world.both].map(Place::new);
    let names = ["direct", "broker", "executor and link", "executor, link and broker"];
    let mut firsts = names.map(|name| {
        let what = format!("model call, first byte, {name}");
        if name == "direct" { Samples::reference(what, "ms") } else { Samples::new(what, "ms") }
    });
    let mut added = names.map(|name| Samples::new(format!("model call, added by {name}"), "ms"));
    // The first calls open the connections.
    first_bytes(&places, calls.div_ceil(10)).await;
    for _ in 0..rounds {
        let times = first_bytes(&places, calls).await;
        for (place, (firsts, added)) in firsts.iter_mut().zip(&mut added).enumerate() {
            firsts.push(median(times.iter().map(|times| times[place])));
            added.push(median(times.iter().map(|times| times[place] - times[0])));
        }
    }
    for samples in firsts.iter().chain(&added[1..3]) {
        report.add(samples);
    }
    report.add_with_target(&added[3], Target::AtMost(3.0));
    world.stop().await;
}

/// Measures the fetches.
pub async fn measure_git(scale: Scale, report: &mut Report) {
    let (size, rounds) = (scale.of(512 << 20, 1 << 20), scale.of(7, 1));
    eprintln!("git_gateway: {} MB, {rounds} rounds", size >> 20);
    let world = World::start(size).await;
    let mut direct = Samples::reference("fetch, direct", "MB/s");
    let mut gateway = Samples::new("fetch, git gateway", "MB/s");
    let mut linked = Samples::new("fetch, executor and link", "MB/s");
    let mut both = Samples::new("fetch, executor, link and git gateway", "MB/s");
    let own = "/r.git/git-upload-pack";
    let path = format!("/git/http/{}{own}", world.upstream);
    for _ in 0..rounds {
        direct.push(fetch(world.upstream, own, size).await);
        gateway.push(fetch(world.broker, &path, size).await);
        linked.push(fetch(world.link, own, size).await);
        both.push(fetch(world.both, &path, size).await);
    }
    report.add(&direct);
    report.add_with_target(&gateway, Target::AtLeast(200.0));
    report.add(&linked);
    report.add_with_target(&both, Target::AtLeast(200.0));
    report.add_ratio("fetch, gateway : direct", &gateway, &direct, None);
    report.add_ratio("fetch, executor, link and gateway : direct", &both, &direct, None);
    world.stop().await;
}

impl World {
    /// Whose packs are of this size, in bytes.
    async fn start(pack: usize) -> Self {
        let tasks = Tasks::default();
        let upstream = serve(&tasks, upstream_router(pack)).await;
        let settings = Settings {
            api_key: Some(Secret::new("a-key-of-the-bench")),
            base_url: Some(format!("http://{upstream}")),
            git_private: vec![upstream.to_string().parse().expect("an address")],
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
        let (link, first) = linked(&tasks, upstream_router(pack)).await;
        let (both, second) = linked(&tasks, router).await;
        Self { upstream, broker, link, both, tasks, _folders: [first, second] }
    }

    async fn stop(self) {
        self.tasks.drain(Duration::from_secs(10)).await;
    }
}

/// An executor whose link ends in this router: where its container's requests enter, and its folder.
async fn linked(tasks: &Tasks, router: Router) -> (SocketAddr, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let executor = Executor::bind(config(&folder)).await.expect("an executor");
    let address = executor.address().expect("an address");
    let relay = executor.relay_address().expect("an address");
    tasks.spawn("executor", |stop| async move {
        executor.serve(stop).await.expect("a clean end");
    });
    let keys = Keys::load(&folder.path().join("server.key")).expect("a key");
    let identity = keys.instance_identity(InstanceId::mint()).expect("an identity");
    let endpoint = address.to_string().parse().expect("an endpoint");
    let agent = Agent::new(Dial::to(&endpoint, &identity), TOKEN.to_owned());
    agent.wait_ready(Duration::from_secs(10)).await.expect("an executor that answers");
    tasks.spawn("link", |stop| async move {
        agent.serve_link(router, stop).await.expect("a link");
    });
    (relay, folder)
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

/// A model that answers at once, and a git server whose pack has this size.
fn upstream_router(size: usize) -> Router {
    let model = |body: Bytes| async move {
        assert!(CALL <= body.len(), "the whole call");
        let event = "event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n";
        ([("content-type", "text/event-stream")], event).into_response()
    };
    let pack = move || async move {
        let piece = Bytes::from(vec![b'x'; PIECE]);
        let first = Bytes::from([b"0008NAK\n", &piece[8..]].concat());
        let pieces = std::iter::once(first).chain(std::iter::repeat_n(piece, size / PIECE - 1));
        let kind = [("content-type", "application/x-git-upload-pack-result")];
        (kind, Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)))).into_response()
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

/// Where calls are sent to, over one connection that is kept.
struct Place {
    client: reqwest::Client,
    url: String,
}

impl Place {
    fn new(address: SocketAddr) -> Self {
        Self { client: reqwest::Client::new(), url: format!("http://{address}/v1/messages?beta=true") }
    }

    /// How long until the first byte of the answer's body is there, in milliseconds.
    async fn first_byte(&self, body: String) -> f64 {
        let call = self.client.post(&self.url).header("x-api-key", TOKEN).body(body);
        let begun = Instant::now();
        let answer = within("an answer", call.send()).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut pieces = answer.bytes_stream();
        pieces.next().await.expect("a byte").expect("no cut");
        let time = begun.elapsed().as_secs_f64() * 1e3;
        while let Some(piece) = pieces.next().await {
            piece.expect("no cut");
        }
        time
    }
}

/// Calls each place in turn, so often; answers the times of each turn.
async fn first_bytes<const N: usize>(places: &[Place; N], calls: usize) -> Vec<[f64; N]> {
    let filler = "x".repeat(CALL);
    let body =
        format!(r#"{{"model":"claude-sonnet-5-5","messages":[{{"role":"user","content":"{filler}"}}]}}"#);
    let mut all = Vec::new();
    for turn in 0..calls {
        let mut times = [0.0; N];
        // Nobody is always the one after the same other.
        for at in 0..N {
            let place = (turn + at) % N;
            times[place] = places[place].first_byte(body.clone()).await;
        }
        all.push(times);
    }
    all
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred millions are exact")]
async fn fetch(place: SocketAddr, path: &str, expected: usize) -> f64 {
    let call = reqwest::Client::new().post(format!("http://{place}{path}")).body("0000");
    let begun = Instant::now();
    let answer = within("an answer", call.send()).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let mut pieces = answer.bytes_stream();
    let mut size = 0;
    while let Some(piece) = within("more", pieces.next()).await {
        size += piece.expect("no cut").len();
    }
    assert_eq!(size, expected);
    size as f64 / 1e6 / begun.elapsed().as_secs_f64()
}
