//! The link, with a real yamux client on the executor's side of it.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

use axum::{
    body::Body,
    routing::{get, post},
};
use futures::{StreamExt, future::join_all, stream};
use http_body_util::{BodyExt, Full};
use hyper::{
    client::conn::http1::{SendRequest, handshake},
    server::conn::http1,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
use yamux::{Connection, Mode};

use super::*;
use crate::agent::dial::Socket;

/// A link with the backend's end served and the executor's end in the test's hand.
struct Link {
    /// Dropping its tasks ends the executor's side.
    executor: Executor,
    streams: mpsc::Sender<oneshot::Sender<yamux::Stream>>,
    stop: CancellationToken,
    served: oneshot::Receiver<Result<(), Error>>,
    /// The backend's side.
    _backend: JoinSet<()>,
}

impl Link {
    async fn open(router: Router) -> Self {
        let mut executor = Executor::start(|_| StatusCode::NOT_FOUND.into_response()).await;
        let stop = CancellationToken::new();
        let (ended, served) = oneshot::channel();
        let mut backend = JoinSet::new();
        let (agent, stopped) = (executor.agent.clone(), stop.clone());
        backend.spawn(async move {
            let _ = ended.send(agent.serve_link(router, stopped).await);
        });
        let upgraded = executor.links.recv().await.unwrap().await.unwrap();
        let connection =
            Connection::new(TokioIo::new(upgraded).compat(), yamux::Config::default(), Mode::Client);
        let (streams, wanted) = mpsc::channel(1);
        executor.tasks.spawn(drive(connection, wanted));
        Self { executor, streams, stop, served, _backend: backend }
    }

    /// A new stream, spoken to in HTTP.
    async fn connect(&mut self) -> SendRequest<Full<Bytes>> {
        let (opened, stream) = oneshot::channel();
        self.streams.send(opened).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream.await.unwrap().compat())).await.unwrap();
        self.executor.tasks.spawn(async {
            let _ = connection.await;
        });
        sender
    }
}

/// Opens streams and moves their bytes until the link ends.
async fn drive<T>(mut connection: Connection<T>, mut wanted: mpsc::Receiver<oneshot::Sender<yamux::Stream>>)
where
    T: futures::AsyncRead + futures::AsyncWrite + Unpin,
{
    let mut next = None;
    poll_fn(|context| {
        loop {
            if next.is_none()
                && let Poll::Ready(Some(one)) = wanted.poll_recv(context)
            {
                next = Some(one);
            }
            if next.is_some()
                && let Poll::Ready(Ok(stream)) = connection.poll_new_outbound(context)
            {
                let _ = next.take().map(|one| one.send(stream));
                continue;
            }
            return match connection.poll_next_inbound(context) {
                Poll::Ready(Some(Ok(_))) => continue,
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            };
        }
    })
    .await;
}

fn request(path: &str, body: impl Into<Bytes>) -> hyper::Request<Full<Bytes>> {
    let request = hyper::Request::post(path).header("host", "broker");
    request.body(Full::new(body.into())).unwrap()
}

async fn text(answer: hyper::Response<hyper::body::Incoming>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn echo() -> Router {
    Router::new().route("/echo", post(|body: Bytes| async { body }))
}

#[tokio::test]
async fn a_stream_carries_one_request_after_another() {
    let mut link = Link::open(echo()).await;
    let mut stream = link.connect().await;
    for said in ["one", "two"] {
        let answer = stream.send_request(request("/echo", said)).await.unwrap();
        assert_eq!(text(answer).await, said);
    }
    let answer = stream.send_request(request("/nowhere", "")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn thirty_streams_at_once_keep_their_bodies_apart() {
    let mut link = Link::open(echo()).await;
    let mut streams = Vec::new();
    for _ in 0..30 {
        streams.push(link.connect().await);
    }
    let asked = streams.iter_mut().enumerate().map(|(n, stream)| async move {
        // Larger than a stream's first window.
        let said = n.to_string().repeat(600_000 / n.to_string().len());
        let answer = stream.send_request(request("/echo", said.clone())).await.unwrap();
        assert!(text(answer).await == said, "stream {n}");
    });
    join_all(asked).await;
}

/// A router whose only answer sends what the test puts into the channel.
fn from_channel() -> (Router, mpsc::Sender<Bytes>) {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let answer = move || {
        let mut receiver = receiver.lock().unwrap().take().unwrap();
        let body = stream::poll_fn(move |context| receiver.poll_recv(context));
        async { Body::from_stream(body.map(Ok::<_, std::convert::Infallible>)) }
    };
    (echo().route("/stream", post(answer)), sender)
}

#[tokio::test]
async fn an_answer_is_streamed_as_it_comes() {
    let (router, sender) = from_channel();
    let mut link = Link::open(router).await;
    let mut stream = link.connect().await;
    let mut body = stream.send_request(request("/stream", "")).await.unwrap().into_body();
    for part in ["data: 1\n\n", "data: 2\n\n"] {
        // Nothing more is sent until this part has arrived.
        sender.send(Bytes::from(part)).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), part);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_stream_cut_in_the_middle_ends_its_answer_and_no_other() {
    let (router, sender) = from_channel();
    let mut link = Link::open(router).await;
    let mut cut = link.connect().await;
    let mut body = cut.send_request(request("/stream", "")).await.unwrap().into_body();
    sender.send(Bytes::from("half")).await.unwrap();
    body.frame().await.unwrap().unwrap();
    drop((body, cut));
    // The answer's source is let go.
    sender.closed().await;

    let answer = link.connect().await.send_request(request("/echo", "still here")).await.unwrap();
    assert_eq!(text(answer).await, "still here");
}

#[tokio::test]
async fn an_answer_nobody_reads_stands_still_and_holds_up_no_other() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let endless = move || {
        let parts = stream::repeat_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(vec![0_u8; 1 << 16])
        });
        async { Body::from_stream(parts) }
    };
    let mut link = Link::open(echo().route("/endless", get(endless.clone()).post(endless))).await;
    let mut slow = link.connect().await;
    let unread = slow.send_request(request("/endless", "")).await.unwrap();
    let mut other = link.connect().await;
    for _ in 0..200 {
        let answer = other.send_request(request("/echo", "quick")).await.unwrap();
        assert_eq!(text(answer).await, "quick");
    }
    let made = made.load(Ordering::Relaxed);
    assert!((1..64).contains(&made), "{made} parts of 64 KiB were made for nobody");
    drop(unread);
}

#[tokio::test]
async fn a_stop_ends_the_link_with_all_its_streams() {
    let (router, sender) = from_channel();
    let mut link = Link::open(router).await;
    let mut stream = link.connect().await;
    let mut body = stream.send_request(request("/stream", "")).await.unwrap().into_body();
    link.stop.cancel();
    link.served.await.unwrap().unwrap();
    sender.closed().await;
    assert!(body.frame().await.unwrap().is_err(), "the answer was cut");
}

#[tokio::test]
async fn a_broken_link_is_told_and_ends_its_streams() {
    let (router, sender) = from_channel();
    let mut link = Link::open(router).await;
    let mut stream = link.connect().await;
    stream.send_request(request("/stream", "")).await.unwrap();
    link.executor.tasks.shutdown().await;
    let error = link.served.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    sender.closed().await;
}

#[tokio::test]
async fn a_link_that_is_refused_is_told() {
    let executor = Executor::start(|_| StatusCode::NOT_FOUND.into_response()).await;
    let stranger = agent_at(executor.port, "wrong");
    let error = stranger.serve_link(Router::new(), CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the executor refused (401): the bearer token is wrong");
}

#[tokio::test]
async fn a_container_that_opens_more_connections_than_it_may_is_hung_up_on_and_goes_on_with_those_it_has() {
    let mut link = Link::open(echo()).await;
    let mut streams = Vec::new();
    for n in 0..38 {
        let mut stream = link.connect().await;
        match stream.send_request(request("/echo", "here")).await {
            Ok(answer) => assert_eq!(text(answer).await, "here"),
            Err(error) => {
                assert!((30..=34).contains(&n), "{n}: {error}");
                break;
            }
        }
        streams.push(stream);
    }
    assert!(streams.len() < 38, "there is an end");
    for stream in &mut streams {
        let answer = stream.send_request(request("/echo", "still here")).await.unwrap();
        assert_eq!(text(answer).await, "still here");
    }
}

/// Serves the executor's interface on each stream of a connection that the executor itself has made.
async fn serve_inbound<T>(mut connection: Connection<T>, router: Router)
where
    T: futures::AsyncRead + futures::AsyncWrite + Unpin,
{
    let mut served = JoinSet::new();
    while let Some(Ok(stream)) = poll_fn(|context| connection.poll_next_inbound(context)).await {
        let io = TokioIo::new(stream.compat());
        let service = TowerToHyperService::new(router.clone());
        served.spawn(http1::Builder::new().serve_connection(io, service).with_upgrades());
    }
}

#[tokio::test]
async fn an_executor_that_has_dialled_us_is_asked_and_linked_over_its_own_connection() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let health =
        |_: &Uri| Json(json!({"status": "ok", "version": "1", "firewall": "verified"})).into_response();
    let (router, mut links) = router(Arc::default(), health);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_inbound(
        Connection::new(theirs.compat(), yamux::Config::default(), Mode::Client),
        router,
    ));
    let (streams, wanted) = mpsc::channel(1);
    tasks.spawn(drive(Connection::new(ours.compat(), yamux::Config::default(), Mode::Server), wanted));
    let dial = Dial::with(move || {
        let streams = streams.clone();
        async move {
            let (opened, stream) = oneshot::channel();
            streams.send(opened).await.map_err(std::io::Error::other)?;
            Ok(Socket::new(stream.await.map_err(std::io::Error::other)?.compat()))
        }
    });
    let agent = Agent::new(dial, TOKEN.to_owned());
    assert_eq!(agent.health().await.unwrap().firewall, "verified");

    let stop = CancellationToken::new();
    let (linked, stopped) = (agent.clone(), stop.clone());
    tasks.spawn(async move { linked.serve_link(echo(), stopped).await.unwrap() });
    let upgraded = links.recv().await.unwrap().await.unwrap();
    let link = Connection::new(TokioIo::new(upgraded).compat(), yamux::Config::default(), Mode::Client);
    let (streams, wanted) = mpsc::channel(1);
    tasks.spawn(drive(link, wanted));
    let (opened, stream) = oneshot::channel();
    streams.send(opened).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream.await.unwrap().compat())).await.unwrap();
    tasks.spawn(async {
        let _ = connection.await;
    });
    let answer = sender.send_request(request("/echo", "from the container")).await.unwrap();
    assert_eq!(text(answer).await, "from the container");
    stop.cancel();
}
