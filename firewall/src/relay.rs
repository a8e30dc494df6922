//! The relay: every TCP connection of the agent ends here. It decides by the name that is asked for, connects
//! itself, and passes bytes on.

use std::{future::Future, io::Result, net::SocketAddr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use crate::{border::Border, gate::PAUSE};

/// What a TLS client says first.
pub mod client_hello;
mod conversation;
mod decide;
/// What kind of protocol the first bytes are.
pub mod first;
mod http;
/// Who an HTTP request is for.
pub mod http_head;
mod pump;
mod refuse;
mod rewound;
mod tls;

/// Where the rules send every connection of the agent.
pub const PORT: u16 = 7337;
/// The most connections at once.
const MOST_CONNECTIONS: usize = 512;

/// The network on both sides of the relay.
pub trait Network: Send + Sync + 'static {
    /// Where this accepted connection was meant to go.
    ///
    /// # Errors
    /// When the kernel does not tell.
    fn original(&self, stream: &TcpStream) -> Result<SocketAddr>;

    /// Opens a connection to there.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = Result<TcpStream>> + Send;
}

/// Relays for ever.
///
/// # Errors
/// Never: what fails is one connection.
pub async fn serve<N: Network>(listener: TcpListener, border: Arc<Border>, network: Arc<N>) -> Result<()> {
    let (mut work, places) = (JoinSet::new(), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
    loop {
        let (client, from) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            Some(_) = work.join_next() => continue,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            border.denials.notice("more connections at once than the firewall relays (512)");
            pump::reset(&client);
            continue;
        };
        let (border, network) = (Arc::clone(&border), Arc::clone(&network));
        work.spawn(async move {
            // However it ends, it ends: both sides see it.
            let _ = conversation::relay(client, from, &border, &*network).await;
            drop(place);
        });
    }
}
