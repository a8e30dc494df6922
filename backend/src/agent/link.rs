//! The link: one upgraded connection to the executor, on which the container's own requests come back.
//!
//! The executor opens a yamux stream for each connection to its relay port, and this side speaks
//! HTTP/1.1 on it as the server.

use std::{future::poll_fn, time::Duration};

use axum::Router;
use bytes::Bytes;
use futures::future::Either;
use http_body_util::Empty;
use hyper::{
    StatusCode,
    client::conn::http1 as client,
    header::{self, CONNECTION, UPGRADE},
    server::conn::http1 as server,
    upgrade::Upgraded,
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::task::JoinSet;
use tokio_util::{
    compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt},
    sync::CancellationToken,
};
use yamux::{Connection, Mode};

use super::{
    Error,
    http::{Ask, HOST, Http, refused, unreachable},
};

/// The protocol's name in the upgrade.
const PROTOCOL: &str = "caisson-link";
/// Connections of one container at a time, as the protocol counts them. The executor opens fewer.
const STREAMS: usize = 40;
/// Those of them that are served. A call may wait for hours, and what was sent of it waits in memory: a container with
/// more at once is hung up on.
const SERVED: usize = 32;
/// How much of one connection is read before it is wanted, in bytes. Also the longest request head.
const HELD: usize = 64 << 10;
/// What all of them may have in flight towards us, in bytes: what the protocol gives each stream to begin with. It is
/// a bound, not an allocation.
const WINDOW: usize = STREAMS * (256 << 10);
/// How long it may take to open.
const OPEN: Duration = Duration::from_secs(10);
/// For a friendly goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// An open link. Its tasks end when it is dropped.
pub(super) struct Link {
    connection: Connection<Compat<TokioIo<Upgraded>>>,
    /// The task that carries the upgraded connection's bytes, then one for each stream.
    tasks: JoinSet<()>,
}

/// Opens the link, within 10 seconds. It rides a connection of the executor's `Dial`, whichever side made that one.
pub(super) async fn open(http: &Http) -> Result<Link, Error> {
    match tokio::time::timeout(OPEN, upgrade(http)).await {
        Ok(link) => link,
        Err(_) => Err(Error::Unreachable("the link was not opened in time".to_owned())),
    }
}

async fn upgrade(http: &Http) -> Result<Link, Error> {
    let socket = http.dial.open().await.map_err(|error| unreachable(&error))?;
    let (mut sender, connection) =
        client::handshake(TokioIo::new(socket)).await.map_err(|error| unreachable(&error))?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async {
        // What breaks here is told by the request.
        let _ = connection.with_upgrades().await;
    });
    let request = http
        .request(&Ask::get(&["link"]))?
        .header(header::HOST, HOST)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, PROTOCOL)
        .body(Empty::<Bytes>::new())
        .map_err(|error| Error::Protocol(error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        status if status.is_success() => return Err(Error::Protocol(format!("/link answers {status}"))),
        _ => return Err(refused(answer).await),
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(|error| unreachable(&error))?;
    let socket = TokioIo::new(upgraded).compat();
    Ok(Link { connection: Connection::new(socket, config(), Mode::Server), tasks })
}

fn config() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS).set_max_connection_receive_window(Some(WINDOW));
    config
}

/// Serves `router` on each stream that comes in, until the link breaks (an error) or `stop`.
pub(super) async fn serve(mut link: Link, router: Router, stop: CancellationToken) -> Result<(), Error> {
    let Link { connection, tasks } = &mut link;
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => {
                let _ = tokio::time::timeout(GOODBYE, poll_fn(|context| connection.poll_close(context))).await;
                return Ok(());
            }
            // Polled all the time: this is what moves the bytes of every stream.
            inbound = poll_fn(|context| connection.poll_next_inbound(context)) => Either::Left(inbound),
            Some(_) = tasks.join_next() => Either::Right(()),
        };
        match event {
            // One of the tasks carries the link itself.
            Either::Left(Some(Ok(stream))) if SERVED < tasks.len() => drop(stream),
            Either::Left(Some(Ok(stream))) => {
                tasks.spawn(answer(stream, router.clone()));
            }
            Either::Left(Some(Err(error))) => return Err(unreachable(&error)),
            Either::Left(None) => {
                return Err(Error::Unreachable("the executor closed the link".to_owned()));
            }
            Either::Right(()) => {}
        }
    }
}

/// One connection of the container's.
async fn answer(stream: yamux::Stream, router: Router) {
    let io = TokioIo::new(stream.compat());
    let served = server::Builder::new()
        .max_buf_size(HELD)
        .serve_connection(io, TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        // The container may hang up whenever it likes.
        tracing::debug!(%error, "a connection on the link was cut");
    }
}
