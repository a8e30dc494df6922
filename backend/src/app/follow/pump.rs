//! From the log to a reader: a frame is read when the one before has found a place. A reader that leaves none for
//! too long is let go: its stream and what that holds are dropped at once, and it hears where to go on.

use std::{future::Future, time::Duration};

use api::stream::Frame;
use futures::{Stream, StreamExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Outgoing;
use crate::store::Error;

/// How long a reader may leave no place for a frame.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// A reader of a long text that is slower than this is let go, in bytes a second.
const SLOWEST: u64 = 64 << 10;
/// The same while others wait for the room that its text takes.
pub(crate) const SLOWEST_WANTED: u64 = 1 << 20;

/// The way to one reader.
pub(crate) trait Outlet: Send {
    /// Hands a frame over.
    ///
    /// # Errors
    /// Why it was not taken.
    fn offer(&mut self, frame: &Outgoing) -> impl Future<Output = Result<(), Untaken>> + Send;

    /// Resolves when the reader is gone.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;
}

/// Why something found no place on its way to a reader.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untaken {
    /// The reader left no place in time.
    #[error("the reader is too slow")]
    Late,
    /// The reader is gone.
    #[error("the reader is gone")]
    Gone,
    /// There is nothing that could be sent.
    #[error(transparent)]
    Unreadable(#[from] Error),
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
            () = stop.cancelled() => return Left::Over,
            () = outlet.gone() => return Left::Over,
            frame = frames.next() => frame,
        };
        let offered = match &frame {
            None => return Left::Over,
            Some(Ok(frame)) => tokio::select! {
                biased;
                () = stop.cancelled() => return Left::Over,
                offered = outlet.offer(frame) => offered,
            },
            Some(Err(error)) => Err(Error::Corrupt { what: "log", why: error.to_string() }.into()),
        };
        match (offered, frame) {
            (Ok(()), Some(Ok(Outgoing::Item { event }))) => sent = event.seq,
            (Ok(()), _) => {}
            (Err(Untaken::Gone), _) => return Left::Over,
            (Err(Untaken::Late), _) => return Left::Late(Frame::Resync { after: sent }),
            (Err(Untaken::Unreadable(error)), _) => {
                tracing::warn!(%error, "a reader is let go because the log cannot be read");
                return Left::Unreadable;
            }
        }
    }
}

/// How fast a reader must take a long text, piece by piece.
pub(crate) struct Pace {
    began: Instant,
    patience: Duration,
    taken: u64,
}

impl Pace {
    /// Begins now.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { began: Instant::now(), patience, taken: 0 }
    }

    /// Until when the next piece must have found its place. Others may wait for the room that the text takes.
    pub(crate) fn until(&self, is_wanted: bool) -> Instant {
        let slowest = if is_wanted { SLOWEST_WANTED } else { SLOWEST };
        let late = self.began + self.patience + Duration::from_millis(self.taken * 1_000 / slowest);
        late.min(Instant::now() + self.patience)
    }

    /// So many bytes have found a place.
    pub(crate) fn taken(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::{FutureExt, stream};

    use super::*;

    /// A reader that stands still for ever.
    struct Still;

    impl Outlet for Still {
        async fn offer(&mut self, _frame: &Outgoing) -> Result<(), Untaken> {
            std::future::pending().await
        }

        async fn gone(&mut self) {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_stop_waits_for_no_reader() {
        let event = r#"1 0 1 notice {"about":"test","text":"x"}"#.parse().expect("an event");
        let frames = stream::iter([Ok(Outgoing::Item { event: Arc::new(event) })]);
        let stop = CancellationToken::new();
        let mut still = Still;
        let mut pumping = Box::pin(pump(&mut still, frames, 0, &stop));
        assert!((&mut pumping).now_or_never().is_none());
        stop.cancel();
        assert!(matches!(pumping.now_or_never(), Some(Left::Over)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_of_a_long_text_may_take_its_time_while_nobody_waits_for_the_room() {
        // 100 KB a second, in pieces of a second each.
        for (is_wanted, longest) in [(false, 60), (true, 12)] {
            let mut pace = Pace::new(PATIENCE);
            let mut seconds = 0;
            while seconds < 60 && Instant::now() <= pace.until(is_wanted) {
                tokio::time::advance(Duration::from_secs(1)).await;
                pace.taken(100 << 10);
                seconds += 1;
            }
            assert_eq!(seconds, longest);
        }
    }
}
