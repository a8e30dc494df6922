//! From the log to a reader: a frame is read when the one before has found a place. A reader that leaves none for
//! too long is let go: its stream and what that holds are dropped at once, and it hears where to go on.

use std::{future::Future, time::Duration};

use api::stream::Frame;
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

use super::Outgoing;
use crate::store::Error;

/// How long a reader may leave no place for a frame.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// A reader of a long text that is slower than this is let go, in bytes a second.
const SLOWEST: u64 = 64 << 10;

/// The way to one reader.
pub(crate) trait Outlet: Send {
    /// Hands a frame over. Answers whether it found a place in time; that of a reader that is gone always does.
    ///
    /// # Errors
    /// `Corrupt` when the frame cannot be sent at all.
    fn offer(&mut self, frame: &Outgoing) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Resolves when the reader is gone.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;
}

/// Why nothing more is sent.
#[derive(Debug)]
pub(crate) enum Left {
    /// All was sent, the reader is gone, or the server stops.
    Over,
    /// The reader was too slow.
    Late(Frame),
    /// The log cannot be read.
    Unreadable,
}

/// Sends frames until the end, the reader's leave, or the server's stop.
pub(crate) async fn pump(
    outlet: &mut impl Outlet,
    frames: impl Stream<Item = Result<Outgoing, Error>> + Send,
    after: i64,
    stop: &CancellationToken,
) -> Left {
    let mut sent = after;
    let mut frames = std::pin::pin!(frames);
    loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            () = outlet.gone() => None,
            frame = frames.next() => frame,
        };
        let offered = match &frame {
            None => return Left::Over,
            Some(Ok(frame)) => outlet.offer(frame).await,
            Some(Err(error)) => Err(Error::Corrupt { what: "log", why: error.to_string() }),
        };
        match (offered, frame) {
            (Ok(true), Some(Ok(Outgoing::Item { event }))) => sent = event.seq,
            (Ok(true), _) => {}
            (Ok(false), _) => return Left::Late(Frame::Resync { after: sent }),
            (Err(error), _) => {
                tracing::warn!(%error, "a reader is let go because the log cannot be read");
                return Left::Unreadable;
            }
        }
    }
}

/// How long a reader may take for so many bytes.
pub(crate) fn patience(patience: Duration, bytes: usize) -> Duration {
    patience + Duration::from_secs(bytes as u64 / SLOWEST)
}
