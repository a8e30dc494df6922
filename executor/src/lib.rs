//! The executor: acts inside the container, on hostile ground, for the backend that dials in.
//!
//! It clones, runs the agent as another uid, numbers and spools what the agent says, runs checks, commits
//! and pushes. It never dials out: what the container asks for rides the backend's own connection back.

use std::{net::SocketAddr, os::unix::net::UnixStream, sync::Arc, time::Duration};

use axum::{
    Router,
    serve::{Listener, ListenerExt},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod config;
mod tasks;

mod auth;
mod refusal;
mod routes;
mod tls;

mod account;
mod checks;
mod disk;
mod egress;
mod execution;
mod executions;
mod fresh;
mod git;
mod identity;
mod relay;
mod worker;
mod workspace;

pub use config::{Config, Firewall};
pub use egress::gate;
#[cfg(any(test, feature = "fuzz"))]
pub use execution::fuzz;
pub use worker::worker;

use account::Account;
use disk::Disk;
use egress::Egress;
use executions::Executions;
use fresh::Fresh;
use git::Git;
use identity::Identity;
use relay::Relay;
use tasks::Tasks;
use tokio_rustls::TlsAcceptor;

/// How long tasks have to end after the stop: longer than the agent's grace between TERM and KILL.
const DRAIN: Duration = Duration::from_secs(8);

/// An executor with its sockets bound, not yet serving.
pub struct Executor {
    listener: TcpListener,
    relay: TcpListener,
    tls: Option<TlsAcceptor>,
    gate: Option<UnixStream>,
    config: Config,
}

/// What the handlers share.
struct State {
    config: Config,
    account: Account,
    disk: Disk,
    fresh: Fresh,
    relay: Relay,
    executions: Executions,
    git: Git,
    egress: Egress,
    identity: Identity,
    tasks: Tasks,
}

/// Why the executor could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no firewall.
    #[error(
        "no firewall, no executor: CAISSON_FIREWALL must be `verified`, which caisson-firewall sets when it \
         starts the executor"
    )]
    NoFirewall,
    /// The token is empty.
    #[error("CAISSON_TOKEN is empty: without a token anybody could command the agent")]
    NoToken,
    /// The certificate or its key cannot be used.
    #[error("CAISSON_IDENTITY cannot be used: {0}")]
    Identity(String),
    /// A socket could not be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where it should listen.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The spool could not be read or made.
    #[error("cannot use the spool at {path}")]
    Spool {
        /// The folder.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The agent's home could not be read, or what it holds not be noted.
    #[error("cannot note what the agent's home holds")]
    Home(#[source] std::io::Error),
    /// The server failed.
    #[error("cannot serve")]
    Serve(#[source] std::io::Error),
}

impl Executor {
    /// Binds both sockets.
    ///
    /// # Errors
    /// `NoFirewall`, `NoToken` or `Identity` when it must not start, `Bind` when an address is taken or not ours.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        if config.firewall == Firewall::Missing {
            return Err(Error::NoFirewall);
        }
        if config.token.is_empty() {
            return Err(Error::NoToken);
        }
        let tls =
            config.identity.as_ref().map(tls::Identity::acceptor).transpose().map_err(Error::Identity)?;
        let listener = bind(config.listen).await?;
        let relay = bind(config.relay).await?;
        Ok(Self { listener, relay, tls, gate: None, config })
    }

    /// The same with a line to the gate, which decides what the container may reach.
    #[must_use]
    pub fn with_gate(self, gate: UnixStream) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// Where the executor listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where the container's own requests enter.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn relay_address(&self) -> std::io::Result<SocketAddr> {
        self.relay.local_addr()
    }

    /// Serves until `stop`, then ends what runs: the agent with all its processes first.
    ///
    /// # Errors
    /// `Spool` when the spool cannot be used, `Serve` when the listener fails.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), Error> {
        let Self { listener, relay, tls, gate, config } = self;
        let relay_address = relay.local_addr().map_err(Error::Serve)?;
        let tasks = Tasks::new(stop.clone());
        let account = Account::of(&config);
        let disk = Disk::of(&config, account.clone());
        let spool = |source| Error::Spool { path: config.spool.display().to_string(), source };
        let executions =
            Executions::open(&config, relay_address, account.clone(), disk.clone(), tasks.clone())
                .await
                .map_err(spool)?;
        let fresh = Fresh::of(&config, account.clone());
        let git = Git::new(&config, account.clone(), relay_address, tasks.clone());
        if fresh.is_noted() {
            checks::restore(&fresh, &git).await;
        } else {
            fresh.note().await.map_err(Error::Home)?;
        }
        let state = Arc::new(State {
            relay: Relay::start(relay, &tasks),
            executions,
            egress: Egress::start(gate, &config, &account, &tasks).map_err(Error::Serve)?,
            fresh,
            git,
            identity: Identity::default(),
            disk,
            account,
            tasks: tasks.clone(),
            config,
        });
        // Without this a small answer waits up to 40 ms for the acknowledgement of the one before.
        let listener = listener.tap_io(|socket| {
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps its delay");
            }
        });
        let router = routes::router(state);
        let ended = match tls {
            Some(tls) => serve(tls::Listener::new(listener, tls), router, tasks, stop).await,
            None => serve(listener, router, tasks, stop).await,
        };
        ended.map_err(Error::Serve)
    }
}

async fn serve<L>(listener: L, router: Router, tasks: Tasks, stop: CancellationToken) -> std::io::Result<()>
where
    L: Listener<Addr: std::fmt::Debug>,
{
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    tasks.guard(serving.into_future(), DRAIN).await
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })
}
