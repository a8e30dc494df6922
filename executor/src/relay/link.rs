//! The link: one connection from the backend, on which the container opens streams.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
};
use tokio_util::compat::TokioAsyncReadCompatExt;
use tokio_util::sync::CancellationToken;
use yamux::{Config, Connection, Mode, Stream};

/// Asks for a stream.
type Request = oneshot::Sender<Stream>;

/// A handle to a link; when the last one is dropped, the link is.
#[derive(Clone)]
pub(super) struct Link {
    requests: mpsc::Sender<Request>,
    /// Cancelled when the connection is gone.
    ended: CancellationToken,
}

impl Link {
    /// A link on this connection, and what serves it until it ends or nobody holds the handle.
    pub(super) fn new(
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, requests) = mpsc::channel(16);
        let connection = Connection::new(socket.compat(), Config::default(), Mode::Client);
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        let serving = async move {
            let _end = end;
            serve(connection, requests).await;
        };
        (Self { requests: sender, ended }, serving)
    }

    /// A new stream, and what is cancelled when the link has ended; `None` when it has.
    pub(super) async fn open(&self) -> Option<(Stream, CancellationToken)> {
        let (sender, receiver) = oneshot::channel();
        self.requests.send(sender).await.ok()?;
        Some((receiver.await.ok()?, self.ended.clone()))
    }
}

/// The one task that polls the connection: it moves the bytes of all streams.
async fn serve<T>(mut connection: Connection<T>, mut requests: mpsc::Receiver<Request>)
where
    T: futures::AsyncRead + futures::AsyncWrite + Unpin,
{
    let mut waiting: Option<Request> = None;
    poll_fn(|context| {
        loop {
            if waiting.is_none() {
                match requests.poll_recv(context) {
                    Poll::Ready(Some(request)) => waiting = Some(request),
                    // Replaced by a newer link.
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            if let Some(request) = waiting.take() {
                match connection.poll_new_outbound(context) {
                    Poll::Ready(Ok(stream)) => {
                        // Who asked may have given up; the stream then closes itself.
                        let _ = request.send(stream);
                        continue;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => waiting = Some(request),
                }
            }
            match connection.poll_next_inbound(context) {
                // The backend opens none; one that comes is closed by being dropped.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}
