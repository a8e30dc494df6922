//! How connections to one executor come about: by dialling it, with TLS beyond loopback, or over what it has dialled.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use hyper::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tower::Service;

use crate::{endpoint::Endpoint, keys::Identity};

/// For the connection and the handshake.
const CONNECT: Duration = Duration::from_secs(5);

/// Opens connections to one executor.
#[derive(Clone)]
pub struct Dial(Arc<dyn Fn() -> BoxFuture<'static, io::Result<Socket>> + Send + Sync>);

impl Dial {
    /// Dials this endpoint. Beyond loopback only the executor with this identity is spoken to, and in TLS.
    #[must_use]
    pub fn to(endpoint: &Endpoint, identity: &Identity) -> Self {
        let tls = (!endpoint.is_loopback()).then(|| (TlsConnector::from(identity.client()), identity.name()));
        let (host, port) = endpoint.dialled();
        Self::with(move || {
            let (host, tls) = (host.clone(), tls.clone());
            async move {
                let connected = connect(&host, port, tls);
                tokio::time::timeout(CONNECT, connected).await.map_err(|_| io::ErrorKind::TimedOut)?
            }
        })
    }

    /// To an executor that is not there.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::with(|| async { Err(io::Error::other("its container does not run")) })
    }

    /// Takes each connection from `open`: an executor that has dialled us is reached over streams of that connection.
    pub(super) fn with<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Socket>> + Send + 'static,
    {
        Self(Arc::new(move || open().boxed()))
    }

    /// One more connection.
    pub(super) async fn open(&self) -> io::Result<Socket> {
        (self.0)().await
    }
}

async fn connect(
    host: &str,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
) -> io::Result<Socket> {
    let socket = TcpStream::connect((host, port)).await?;
    socket.set_nodelay(true)?;
    Ok(match tls {
        Some((tls, name)) => Socket::new(tls.connect(name, socket).await.map_err(explained)?),
        None => Socket::new(socket),
    })
}

/// What a failed handshake most likely means.
fn explained(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::InvalidData {
        return error;
    }
    let why = format!("it is not the executor of this instance, or its image is older than TLS ({error})");
    io::Error::new(error.kind(), why)
}

impl Service<Uri> for Dial {
    type Response = TokioIo<Socket>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Socket>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        (self.0)().map(|opened| opened.map(TokioIo::new)).boxed()
    }
}

/// Whatever bytes go through in both directions.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// One connection to an executor.
pub struct Socket(Box<dyn Duplex>);

impl Socket {
    pub(super) fn new(socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Box::new(socket))
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
