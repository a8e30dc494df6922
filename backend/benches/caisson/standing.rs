//! Readers that stand still, over Server-Sent Events and WebSocket connections: they ask for a long log, read the
//! beginning of the answer, and then nothing more.

use std::sync::Arc;

use api::{
    Timestamp,
    event::{EventBody, Notice},
    id::RunId,
};
use backend::store::{NewEvent, RunWrite, Store};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinHandle, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{harness::within, served::TOKEN, socket::Socket};

/// The events of the log, and the bytes of each: 40 MB.
const LOG: (usize, usize) = (1_000, 40_000);

/// So many of them, until this is stopped: whoever is let go is followed by another.
pub struct Standing {
    stop: CancellationToken,
    readers: Vec<JoinHandle<()>>,
}

/// Writes the log that they ask for.
pub async fn log(store: &Store, run: RunId) {
    let (events, bytes) = LOG;
    for _ in 0..events {
        let body = EventBody::Notice(Notice { about: "test".into(), text: "x".repeat(bytes) });
        let mut write = RunWrite::of(run);
        write.events.push(NewEvent { at: Timestamp::now(), step: None, body, n: None });
        store.run_write(write).await.expect("written");
    }
}

impl Standing {
    /// Returns when each of them stands.
    pub async fn start(count: usize, address: &str, run: RunId) -> Self {
        let (stop, address) = (CancellationToken::new(), Arc::<str>::from(address));
        let mut first = JoinSet::new();
        for number in 0..count {
            let way = if number % 2 == 0 { Way::Events } else { Way::Socket };
            let address = address.clone();
            first.spawn(async move { (way, way.stand(&address, run).await) });
        }
        let mut readers = Vec::new();
        while let Some(reader) = within("a reader's answer", first.join_next()).await {
            let (way, mut socket) = reader.expect("no panic");
            let (stop, address) = (stop.clone(), address.clone());
            readers.push(TaskTracker::new().spawn(async move {
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = let_go(&socket) => socket = way.stand(&address, run).await,
                    }
                }
            }));
        }
        Self { stop, readers }
    }

    /// Ends them all.
    pub async fn stop(self) {
        self.stop.cancel();
        for reader in self.readers {
            within("a reader's end", reader).await.expect("no panic");
        }
    }
}

/// How a reader asks.
#[derive(Clone, Copy)]
enum Way {
    Events,
    Socket,
}

impl Way {
    async fn stand(self, address: &str, run: RunId) -> TcpStream {
        match self {
            Self::Events => {
                let mut socket = TcpStream::connect(address).await.expect("a connection");
                let request = format!(
                    "GET /api/runs/{run}/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
                );
                socket.write_all(request.as_bytes()).await.expect("sent");
                assert_ne!(socket.read(&mut [0; 64]).await.expect("an answer"), 0, "it begins");
                socket
            }
            Self::Socket => {
                let mut socket = Socket::open(address).await;
                let call = format!(
                    r#"{{"jsonrpc":"2.0","id":1,"method":"runs.onMessage","params":{{"id":"{run}"}}}}"#
                );
                socket.send(&call).await;
                assert_ne!(socket.next().await.len(), 0, "it begins");
                socket.into_stream()
            }
        }
    }
}

/// Resolves when the server has hung up.
async fn let_go(socket: &TcpStream) {
    while socket.ready(tokio::io::Interest::ERROR).await.is_ok_and(|ready| !ready.is_error()) {}
}
