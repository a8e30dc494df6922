//! The DNS gate: the only DNS server the agent reaches. It answers for allowed names only, and no byte of
//! another question ever leaves the container.

use std::{io::Result, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use crate::border::Border;

mod answer;
/// From the bytes of a question to what is done about it.
pub mod question;
mod upstream;

use answer::answer;
pub use upstream::{Failed, Family, Found, Resolver, Upstream};

/// Where the rules send every question of the agent.
pub const PORT: u16 = 7353;
/// The longest question, in bytes; a question for one name is a tenth of it.
const LONGEST_QUESTION: usize = 4096;
/// The most questions that wait for an upstream answer at once, and the most connections.
const MOST_QUESTIONS: usize = 256;
const MOST_CONNECTIONS: usize = 64;
/// How long a TCP connection may be silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more of something, before the next attempt.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// Answers datagrams for ever.
///
/// # Errors
/// When the socket fails.
pub async fn datagrams<U: Upstream>(socket: UdpSocket, border: Arc<Border>, upstream: Arc<U>) -> Result<()> {
    let socket = Arc::new(socket);
    let (mut work, mut buffer) = (JoinSet::new(), vec![0; LONGEST_QUESTION]);
    loop {
        let (length, from) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An answer to somebody who has gone comes back as an error of this socket.
                Err(_) => continue,
            },
            Some(_) = work.join_next() => continue,
        };
        // Beyond that a question is lost, as datagrams may be: its sender asks again.
        if work.len() < MOST_QUESTIONS {
            let (socket, border, upstream) =
                (Arc::clone(&socket), Arc::clone(&border), Arc::clone(&upstream));
            let question = buffer[..length].to_vec();
            work.spawn(async move {
                if let Some(reply) = answer(&question, from.port(), true, &border, &*upstream).await {
                    // Whoever asked may have gone.
                    let _ = socket.send_to(&reply, from).await;
                }
            });
        }
    }
}

/// Answers connections for ever.
///
/// # Errors
/// Never: what fails is one connection.
pub async fn connections<U: Upstream>(
    listener: TcpListener,
    border: Arc<Border>,
    upstream: Arc<U>,
) -> Result<()> {
    let (mut work, places) = (JoinSet::new(), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    loop {
        let (stream, from) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            Some(_) = work.join_next() => continue,
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let (border, upstream) = (Arc::clone(&border), Arc::clone(&upstream));
            work.spawn(async move {
                // However it ends, it ends.
                let _ = connection(stream, from, &border, &*upstream).await;
                drop(place);
            });
        }
    }
}

async fn connection<U: Upstream>(
    mut stream: TcpStream,
    from: SocketAddr,
    border: &Border,
    upstream: &U,
) -> Result<()> {
    let mut question = Vec::new();
    loop {
        let length = timeout(PATIENCE, stream.read_u16()).await??;
        if LONGEST_QUESTION < usize::from(length) {
            return Ok(());
        }
        question.resize(length.into(), 0);
        timeout(PATIENCE, stream.read_exact(&mut question)).await??;
        let Some(reply) = answer(&question, from.port(), false, border, upstream).await else {
            return Ok(());
        };
        let length = u16::try_from(reply.len()).unwrap_or_default();
        timeout(PATIENCE, async {
            stream.write_u16(length).await?;
            stream.write_all(&reply).await
        })
        .await??;
    }
}
