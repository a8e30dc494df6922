//! One listener for everything: JSON-RPC, REST, health and the web UI.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use api::system::Part;
use axum::Router;
use futures::future::BoxFuture;
use jsonrpsee::Methods;
use tokio::net::TcpListener;

use crate::{audit::Audit, config::Http, store::Store, tasks::Tasks};

mod answers;
mod calls;
mod connection;
pub(crate) mod guard;
mod headers;
mod health;
mod jsonrpc;
pub(crate) mod rates;
mod refusal;
mod router;
#[cfg(test)]
mod tests;

pub use self::calls::discover;
pub(crate) use self::{
    connection::Cut,
    guard::Client,
    refusal::{Refusal, refuse},
};

/// How long open connections may go on after the stop.
const GRACE: Duration = Duration::from_secs(5);

/// What the server serves.
pub struct Parts {
    /// Who may speak to it, and how much at once.
    pub http: Http,
    /// The RPC methods, `rpc.discover` included.
    pub methods: Methods,
    /// REST beside RPC; reached by signed-in callers only.
    pub rest: Router,
    /// Where tokens and sessions are.
    pub store: Store,
    /// Where what was done is noted.
    pub audit: Audit,
    /// Asked by `/ready`.
    pub ready: Ready,
}

/// Asks whether what the server needs is there.
pub type Ready = Arc<dyn Fn() -> BoxFuture<'static, Readiness> + Send + Sync>;

/// Whether what the server needs is there.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// The database. Its detail is shown to everyone when it is not well.
    pub database: Part,
    /// The container engine.
    pub engine: Part,
}

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program listens there.
    #[error(
        "{0} is in use by another program; stop that one, or choose another address with --listen \
         (CAISSON_LISTEN)"
    )]
    InUse(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {listen}; choose another address with --listen (CAISSON_LISTEN)")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Takes the port. Nothing is answered before [`serve`].
///
/// # Errors
/// When the address is in use or cannot be had.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(listen).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(listen),
        _ => Error::Listen { listen, source },
    })
}

/// Serves until `tasks` is asked to stop, then lets open connections finish, but not for ever.
pub async fn serve(listener: TcpListener, parts: Parts, tasks: &Tasks) {
    let (stop, sockets) = jsonrpsee::server::stop_channel();
    let most = parts.http.max_connections as usize;
    let router = router::build(parts, stop, tasks);
    connection::accept(listener, router, most, tasks).await;
    // Closes the WebSockets; plain connections hear of the stop from `tasks`. It fails when there are none.
    let closed = sockets.stop().is_err() || tokio::time::timeout(GRACE, sockets.stopped()).await.is_ok();
    tracing::debug!(closed, "the port is closed");
}
