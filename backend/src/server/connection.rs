//! Connections: accepted up to a limit, each served by a task of its own, ended in time.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncWriteExt, BufReader, DuplexStream},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{GRACE, guard::Peer};
use crate::tasks::Tasks;

/// A client that sends no whole request head for so long is let go, so that idle ones do not use up
/// the connections.
const HEAD: Duration = Duration::from_secs(30);

/// The number of the next connection.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// How many bytes may be on their way between the server and a socket, in each direction.
const CARRIED: usize = 64 << 10;

/// The pause after a failed accept: usually the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection, and how it is ended from elsewhere.
#[derive(Clone)]
pub(crate) struct Cut {
    /// Which one it is.
    pub(crate) connection: u64,
    /// Cancelled when it shall end, or has.
    pub(crate) ended: CancellationToken,
}

/// Accepts connections, at most `most` at once, until `tasks` is asked to stop.
pub(super) async fn accept(listener: TcpListener, router: Router, most: usize, tasks: &Tasks) {
    let stopping = tasks.stopping();
    let places = Arc::new(Semaphore::new(most));
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let router = router.clone();
                    tasks.spawn("connection", move |stop| connection(stream, peer, router, place, stop));
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = stopping.cancelled() => {}
        () = accepting => {}
    }
}

/// Serves one connection until it closes, or for [`GRACE`] after the stop.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    place: OwnedSemaphorePermit,
    stop: CancellationToken,
) {
    // Tokens of a model come in small frames; a reader should see each at once.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (near, far) = tokio::io::duplex(CARRIED);
    let ended = CancellationToken::new();
    let _over = ended.clone().drop_guard();
    let cut = Cut { connection: NEXT.fetch_add(1, Ordering::Relaxed), ended: ended.clone() };
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        request.extensions_mut().insert(cut.clone());
        request
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(near), TowerToHyperService::new(service))
        .with_upgrades();
    let serving = async {
        let mut served = pin!(served);
        let result = tokio::select! {
            result = &mut served => result,
            () = stop.cancelled() => {
                served.as_mut().graceful_shutdown();
                tokio::time::timeout(GRACE, served).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = result {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
        }
        drop(place);
    };
    // A WebSocket outlives the serving: what ends the connection is the end of either side.
    let both = async { tokio::join!(serving, carry(stream, far)) };
    tokio::select! {
        () = ended.cancelled() => {}
        _ = both => {}
    }
}

/// Carries bytes between the socket and what serves it, until the server is done or the socket broken.
///
/// jsonrpsee flushes after each message. What has gathered here goes out in one call to the system.
async fn carry(stream: TcpStream, far: DuplexStream) {
    let (mut from_client, mut to_client) = stream.into_split();
    let (from_server, mut to_server) = tokio::io::split(far);
    let mut from_server = BufReader::with_capacity(CARRIED, from_server);
    let inward = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        // The client is done; the server hears that and ends the other direction.
        let _ = to_server.shutdown().await;
        std::future::pending::<()>().await;
    };
    let outward = async {
        let _ = tokio::io::copy_buf(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
}
