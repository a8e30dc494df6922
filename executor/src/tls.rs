//! TLS with the certificate that the backend has made for this container alone.

use std::{convert::Infallible, fmt, io, net::SocketAddr, str::FromStr, sync::Arc, time::Duration};

use axum::serve;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::TLS13,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The most handshakes at once; who comes then waits.
const HANDSHAKES: usize = 32;

/// A certificate and its key in PEM, never printed.
#[derive(Clone)]
pub struct Identity(String);

impl Identity {
    /// What speaks TLS with it.
    ///
    /// # Errors
    /// What is wrong with the certificate or the key, without a word of either.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let certificate =
            CertificateDer::from_pem_slice(self.0.as_bytes()).map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::from_pem_slice(self.0.as_bytes()).map_err(|error| error.to_string())?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key))
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(config).into())
    }
}

impl FromStr for Identity {
    type Err = Infallible;

    fn from_str(pem: &str) -> Result<Self, Self::Err> {
        Ok(Self(pem.to_owned()))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

type Handshake = BoxFuture<'static, Option<(TlsStream<TcpStream>, SocketAddr)>>;

/// Accepts connections and shakes hands with all of them at once: none that stands still holds up another.
pub(crate) struct Listener<L> {
    tcp: L,
    acceptor: TlsAcceptor,
    handshakes: FuturesUnordered<Handshake>,
}

impl<L> Listener<L> {
    pub(crate) fn new(tcp: L, acceptor: TlsAcceptor) -> Self {
        Self { tcp, acceptor, handshakes: FuturesUnordered::new() }
    }
}

impl<L: serve::Listener<Io = TcpStream, Addr = SocketAddr>> serve::Listener for Listener<L> {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            tokio::select! {
                (socket, from) = self.tcp.accept(), if self.handshakes.len() < HANDSHAKES => {
                    self.handshakes.push(shake(self.acceptor.clone(), socket, from).boxed());
                }
                Some(done) = self.handshakes.next() => if let Some(accepted) = done {
                    return accepted;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

async fn shake(
    acceptor: TlsAcceptor,
    socket: TcpStream,
    from: SocketAddr,
) -> Option<(TlsStream<TcpStream>, SocketAddr)> {
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
        Ok(Ok(stream)) => Some((stream, from)),
        Ok(Err(error)) => {
            tracing::debug!(%from, %error, "a handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%from, "a handshake took too long");
            None
        }
    }
}
