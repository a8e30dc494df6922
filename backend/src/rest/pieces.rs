//! Bodies that are sent piece by piece by a task of their own, so that a reader that stands still is noticed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    app::follow::pump::{Pace, Untaken},
    store::PIECE,
};

/// A body that ended before all of it was there.
#[derive(Debug, thiserror::Error)]
#[error("broken off")]
struct Broken;

/// Where pieces go in. A body that is not finished when this is dropped breaks off, so that nobody takes it for whole.
pub(super) struct Pieces {
    places: mpsc::Sender<Option<Bytes>>,
    patience: Duration,
}

/// A body, and where its pieces go in. So many of them may wait for the reader, each for so long.
pub(super) fn body(places: usize, patience: Duration) -> (Pieces, Body) {
    let (sender, mut pieces) = mpsc::channel::<Option<Bytes>>(places);
    let stream = async_stream::stream! {
        while let Some(piece) = pieces.recv().await {
            match piece {
                Some(piece) => yield Ok(piece),
                None => return,
            }
        }
        yield Err(Broken);
    };
    (Pieces { places: sender, patience }, Body::from_stream(stream))
}

impl Pieces {
    /// Puts a piece in when there is a place for it.
    ///
    /// # Errors
    /// `Late` or `Gone`.
    pub(super) async fn offer(&self, piece: Bytes) -> Result<(), Untaken> {
        self.offer_until(piece, Instant::now() + self.patience).await
    }

    /// Puts something long in, piece by piece. Each is a copy, so that what waits for the reader does not hold the
    /// whole. A slow reader may go on while the room of the whole is not wanted.
    ///
    /// # Errors
    /// `Late` or `Gone`.
    pub(super) async fn offer_long(
        &self,
        content: &[u8],
        is_wanted: impl Fn() -> bool + Send,
    ) -> Result<(), Untaken> {
        let mut pace = Pace::new(self.patience);
        for piece in content.chunks(PIECE) {
            self.offer_until(Bytes::copy_from_slice(piece), pace.until(is_wanted())).await?;
            pace.taken(piece.len());
        }
        Ok(())
    }

    async fn offer_until(&self, piece: Bytes, until: Instant) -> Result<(), Untaken> {
        match timeout_at(until, self.places.send(Some(piece))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Untaken::Gone),
            Err(_) => Err(Untaken::Late),
        }
    }

    /// Puts a piece in if there is a place for it just now.
    pub(super) fn offer_now(&self, piece: Bytes) {
        let _ = self.places.try_send(Some(piece));
    }

    /// Puts in the last piece, if there is one, however long the reader takes, and ends the body.
    pub(super) async fn finish(self, last: Option<Bytes>) {
        for piece in last.into_iter().map(Some).chain([None]) {
            // A reader that is gone needs no end.
            let _ = self.places.send(piece).await;
        }
    }

    /// Resolves when the reader is gone.
    pub(super) async fn gone(&self) {
        self.places.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    async fn read(body: Body) -> (Vec<u8>, bool) {
        let (mut read, mut whole) = (Vec::new(), true);
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => read.extend_from_slice(&piece),
                Err(_) => whole = false,
            }
        }
        (read, whole)
    }

    #[tokio::test]
    async fn a_body_is_whole_only_when_it_was_finished() {
        let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for finished in [true, false] {
            let (pieces, body) = body(1, Duration::from_secs(60));
            let sending = async {
                pieces.offer_long(&content, || false).await.unwrap();
                pieces.offer("x".into()).await.unwrap();
                if finished {
                    pieces.finish(Some("y".into())).await;
                }
            };
            let ((), (read, whole)) = tokio::join!(sending, read(body));
            let end: &[u8] = if finished { b"xy" } else { b"x" };
            assert!(read.starts_with(&content) && read.ends_with(end) && whole == finished);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stands_still_is_waited_for_so_long_and_no_longer() {
        let (pieces, body) = body(2, Duration::from_secs(10));
        pieces.offer("1".into()).await.unwrap();
        pieces.offer("2".into()).await.unwrap();
        let began = Instant::now();
        assert!(matches!(pieces.offer_long(&[0; 1 << 20], || false).await, Err(Untaken::Late)));
        assert_eq!(began.elapsed(), Duration::from_secs(10));
        drop(body);
        let offered = pieces.offer_long(&[0; 1 << 20], || false).now_or_never();
        assert!(matches!(offered, Some(Err(Untaken::Gone))), "nothing more is made for it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_leaves_while_it_is_waited_for_is_gone_at_once() {
        let (pieces, body) = body(1, Duration::from_secs(10));
        pieces.offer("1".into()).await.unwrap();
        let began = Instant::now();
        let leaving = async { drop(body) };
        let (offered, ()) = tokio::join!(pieces.offer("2".into()), leaving);
        assert!(matches!(offered, Err(Untaken::Gone)));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
