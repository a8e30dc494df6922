//! Connections: accepted up to a limit, each served by a task of its own, ended in time.

use std::{
    io,
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
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{GRACE, answers::Way, guard::Peer};
use crate::{app::follow::pump::PATIENCE, tasks::Tasks};

/// A client that sends no whole request head for so long is let go, so that idle ones do not use up
/// the connections.
const HEAD: Duration = Duration::from_secs(30);

/// The number of the next connection.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// How many bytes may be on their way between the server and a socket, in each direction.
const CARRIED: usize = 32 << 10;

/// How much of an answer waits before its next piece is asked for. Also the longest request head, in bytes.
const HELD: usize = 64 << 10;

/// A reader that takes nothing of what is there for it for so long is let go, so that those who stand still do not use
/// up the connections, and what their answers hold.
const STANDS_STILL: Duration = Duration::from_secs(30);

/// The pause after a failed accept: usually the process is out of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection, and how it is ended from elsewhere.
#[derive(Clone)]
pub(crate) struct Cut {
    /// Which one it is.
    pub(crate) connection: u64,
    /// Cancelled when it must end, or has ended.
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
    let way = Way::default();
    let _closes = way.close_on_drop();
    let leaves = way.clone();
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        request.extensions_mut().insert(leaves.clone());
        request.extensions_mut().insert(cut.clone());
        request
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HELD)
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
    let both = async { tokio::join!(serving, carry(stream, far, way)) };
    tokio::select! {
        () = ended.cancelled() => {}
        _ = both => {}
    }
}

/// Carries bytes between the socket and what serves it, until the server is done or the socket broken.
///
/// jsonrpsee flushes after each message. What has gathered here goes out in one call to the system.
async fn carry(stream: TcpStream, far: DuplexStream, way: Way) {
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
        if hand_over(&mut from_server, &mut to_client, &way).await.is_ok() {
            let _ = to_client.shutdown().await;
        }
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
}

/// Hands bytes over to their end. A reader that takes none of them for too long is an error, and so is one that is too
/// slow while others wait for the room that its answers take.
async fn hand_over(
    from: &mut (impl AsyncBufRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    way: &Way,
) -> io::Result<()> {
    loop {
        let bytes = from.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(());
        }
        let mut still = Duration::ZERO;
        let taken = loop {
            match tokio::time::timeout(PATIENCE, to.write(bytes)).await {
                Ok(taken) => break taken?,
                Err(late) => {
                    still += PATIENCE;
                    if STANDS_STILL <= still || way.is_wanted() {
                        return Err(late.into());
                    }
                }
            }
        };
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        from.consume(taken);
        if way.is_too_slow_after(taken) {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_let_go_and_a_slow_one_is_not() {
        let (mut near, mut far) = tokio::io::duplex(10);
        let way = Way::default();
        let sent = [7; 100];
        let mut from = BufReader::new(&sent[..]);
        let slow = async {
            let mut read = [0; 100];
            for piece in read.chunks_mut(10) {
                tokio::time::advance(STANDS_STILL / 2).await;
                far.read_exact(piece).await.unwrap();
            }
            read
        };
        let (sending, read) = tokio::join!(hand_over(&mut from, &mut near, &way), slow);
        sending.unwrap();
        assert_eq!(read, [7; 100]);
        let mut from = BufReader::new(&sent[..]);
        let error = hand_over(&mut from, &mut near, &way).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
