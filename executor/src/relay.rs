//! The relay: the container's loopback port for model calls and git.
//!
//! Nobody dials out. Each connection that comes in here becomes one stream of the link, which the backend
//! has dialled, and is answered at its other end by the broker. Without a link a connection waits for one.
//! Model requests survive the loss of their link (`replay`).

mod link;
mod replay;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::error::Elapsed,
};
use tokio_util::{compat::FuturesAsyncReadCompatExt, sync::CancellationToken};

use crate::tasks::Tasks;
use link::Link;
use replay::{Kept, MODEL};

/// How long a connection waits for a link: a backend that restarts or is replaced is back by then.
const PATIENCE: Duration = Duration::from_secs(600);
/// How much later than its streams a link is seen to be gone, at most.
const LINK_END: Duration = Duration::from_secs(2);
/// The most connections at once, waiting or linked.
const CONNECTIONS: usize = 32;
/// Pause after a failed accept: out of descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client that is refused may take to ask, and to hear it.
const REFUSAL: Duration = Duration::from_secs(1);
/// What a client gets when no link came; in the shape of the model's own errors.
const UNAVAILABLE: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"the container has no connection to the Caisson server"}}"#;

/// The way out.
#[derive(Clone)]
pub(crate) struct Relay {
    link: watch::Sender<Option<Link>>,
    kept: Kept,
    tasks: Tasks,
}

impl Relay {
    /// Begins to accept the container's connections.
    pub(crate) fn start(listener: TcpListener, tasks: &Tasks) -> Self {
        let relay = Self { link: watch::Sender::new(None), kept: Kept::default(), tasks: tasks.clone() };
        tasks.spawn("relay", relay.clone().accept(listener));
        relay
    }

    /// Makes this connection the link; the one before it is dropped with all its streams.
    pub(crate) async fn attach(&self, socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let (link, serving) = Link::new(socket);
        self.link.send_replace(Some(link));
        tokio::select! {
            () = serving => tracing::info!("the link ended"),
            () = self.tasks.stop().cancelled() => {}
        }
    }

    async fn accept(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.tasks.stop().cancelled() => return,
            };
            let Ok((socket, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (relay, place) = (self.clone(), places.clone().try_acquire_owned());
            self.tasks.spawn("relayed connection", async move {
                let stop = relay.tasks.stop().clone();
                let relayed = async {
                    match place {
                        Ok(_place) => relay.carry(socket).await,
                        Err(_) => refuse(socket).await,
                    }
                };
                tokio::select! {
                    done = relayed => if let Err(error) = done {
                        tracing::debug!(%error, "a relayed connection broke");
                    },
                    () = stop.cancelled() => {}
                }
            });
        }
    }

    async fn carry(self, mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let begun = begin(&mut socket).await?;
        if begun == MODEL {
            let (reader, writer) = socket.into_split();
            let socket = tokio::io::join(io::Cursor::new(begun).chain(reader), writer);
            return replay::serve(&self, socket).await.map_err(io::Error::other);
        }
        let Ok((stream, _)) = self.open_in_time().await else { return refuse(socket).await };
        let mut stream = stream.compat();
        stream.write_all(&begun).await?;
        tokio::io::copy_bidirectional(&mut socket, &mut stream).await.map(drop)
    }

    /// A new stream of the link, and what is cancelled when that link ends.
    async fn open_in_time(&self) -> Result<(yamux::Stream, CancellationToken), Elapsed> {
        tokio::time::timeout(PATIENCE, self.open()).await
    }

    /// A new stream of the link, as soon as there is one.
    async fn open(&self) -> (yamux::Stream, CancellationToken) {
        let mut links = self.link.subscribe();
        loop {
            let link = links.borrow_and_update().clone();
            if let Some(link) = link
                && let Some(opened) = link.open().await
            {
                return opened;
            }
            // It cannot close: `self` holds the other end.
            let _ = links.changed().await;
        }
    }
}

/// Reads until it is clear whether this is a request to the model: those bytes, or what came instead.
async fn begin(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut begun = Vec::with_capacity(MODEL.len());
    while begun.len() < MODEL.len() && MODEL.starts_with(&begun) {
        let left = MODEL.len() - begun.len();
        if (&mut *socket).take(left as u64).read_buf(&mut begun).await? == 0 {
            break;
        }
    }
    Ok(begun)
}

async fn refuse(mut socket: TcpStream) -> io::Result<()> {
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close";
    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{UNAVAILABLE}", UNAVAILABLE.len());
    // Clients are puzzled by an answer that comes before they have asked.
    let _ = tokio::time::timeout(REFUSAL, socket.peek(&mut [0])).await;
    socket.write_all(answer.as_bytes()).await?;
    socket.shutdown().await?;
    // What the client still sends is read, or the system would answer with a reset instead.
    let mut rest = socket.take(64 << 20);
    let _ = tokio::time::timeout(REFUSAL, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    Ok(())
}
