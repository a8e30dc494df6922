//! The pump: the one place where a stream meets a socket.
//!
//! All subscriptions of a connection share its buffer, in the order in which they ask for a place in it. A
//! reader that leaves no place for too long is let go: its stream and what it holds are dropped, and only
//! one small message goes on waiting, so that its neighbours don't wait behind it. It comes back with its own
//! cursor. Whoever is let go without a frame that says so hears it from the end of the subscription itself.

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use api::{run::Run, stream::Frame};
use futures::{Stream, StreamExt};
use jsonrpsee::{
    SubscriptionMessage, SubscriptionSink,
    core::{SubscriptionError, SubscriptionResult},
    server::SendTimeoutError,
};
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    app::follow::{
        Outgoing,
        pump::{Left, Outlet, PATIENCE, Pace, Untaken, pump},
    },
    store::Error,
};

/// How much of one subscription may wait in the buffer of its connection, in bytes, beside a last message.
const WAITING: usize = 128 << 10;
/// Between two looks at a buffer that holds that much, first and at most: each pause is twice the one before.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(128));

/// Sends frames until the end, the reader's leave, or the server's stop.
///
/// # Errors
/// When the log cannot be read: jsonrpsee tells the reader that its subscription is over.
pub(super) async fn frames(
    sink: SubscriptionSink,
    frames: impl Stream<Item = Result<Outgoing, Error>> + Send,
    after: i64,
    stop: CancellationToken,
) -> SubscriptionResult {
    frames_within(PATIENCE, sink, frames, after, stop).await
}

async fn frames_within(
    patience: Duration,
    sink: SubscriptionSink,
    frames: impl Stream<Item = Result<Outgoing, Error>> + Send,
    after: i64,
    stop: CancellationToken,
) -> SubscriptionResult {
    let mut socket = Socket { sink: &sink, patience, waiting: VecDeque::new() };
    match pump(&mut socket, frames, after, &stop).await {
        Left::Over => Ok(()),
        Left::Unreadable => Err(cut("the log cannot be read now: subscribe again")),
        Left::Late(resync) => {
            // Waits as long as the connection lives: without this word the reader would wait for ever.
            let resync = sink.send(message(&sink, &resync)?);
            tokio::select! {
                () = stop.cancelled() => {}
                _ = resync => {}
            }
            Ok(())
        }
    }
}

/// A reader on a WebSocket.
struct Socket<'a> {
    sink: &'a SubscriptionSink,
    patience: Duration,
    /// The lengths of the newest messages, oldest first.
    waiting: VecDeque<usize>,
}

impl Outlet for Socket<'_> {
    async fn offer(&mut self, frame: &Outgoing) -> Result<(), Untaken> {
        let event = match frame {
            Outgoing::Item { event } if event.is_large() => event,
            Outgoing::Item { event } => return self.send(frame, event.bytes(), self.soon()).await,
            Outgoing::Other(_) => return self.send(frame, 0, self.soon()).await,
        };
        let mut pace = Pace::new(self.patience);
        let mut pieces = event.pieces().peekable();
        while let Some(text) = pieces.next() {
            let bytes = text.len();
            let part = Frame::Part { seq: event.seq, text, last: pieces.peek().is_none() };
            self.send(&part, bytes, pace.until(event.is_wanted())).await?;
            pace.taken(bytes);
        }
        Ok(())
    }

    async fn gone(&mut self) {
        self.sink.closed().await;
    }
}

impl Socket<'_> {
    fn soon(&self) -> Instant {
        Instant::now() + self.patience
    }

    async fn send(
        &mut self,
        frame: &(impl Serialize + Sync),
        bytes: usize,
        until: Instant,
    ) -> Result<(), Untaken> {
        self.room(until).await?;
        let message = message(self.sink, frame);
        let message = message.map_err(|error| Error::Corrupt { what: "event", why: error.to_string() })?;
        self.waiting.push_back(bytes);
        let left = until.saturating_duration_since(Instant::now());
        tokio::select! {
            () = self.sink.closed() => Err(Untaken::Gone),
            sent = self.sink.send_timeout(message, left) => taken(sent),
        }
    }

    /// Waits until one message more may wait in the buffer.
    async fn room(&mut self, until: Instant) -> Result<(), Untaken> {
        let (mut pause, longest) = LOOKS;
        while !self.has_room() {
            if until <= Instant::now() {
                return Err(Untaken::Late);
            }
            tokio::select! {
                () = self.sink.closed() => return Err(Untaken::Gone),
                () = tokio::time::sleep_until(until.min(Instant::now() + pause)) => {}
            }
            pause = (pause * 2).min(longest);
        }
        Ok(())
    }

    /// Whether less than [`WAITING`] of this subscription waits in the buffer.
    ///
    /// Messages leave the buffer in the order in which they came, and as many are in it as it has places taken. So of
    /// this subscription at most that many are in it, its newest ones.
    fn has_room(&mut self) -> bool {
        let in_buffer = self.sink.max_capacity() - self.sink.capacity();
        while in_buffer < self.waiting.len() {
            self.waiting.pop_front();
        }
        self.waiting.iter().sum::<usize>() < WAITING
    }
}

/// Sends runs as they change.
///
/// # Errors
/// When the reader is too far behind: jsonrpsee tells it that its subscription is over.
pub(super) async fn changes(
    sink: SubscriptionSink,
    runs: impl Stream<Item = Run> + Send,
    stop: CancellationToken,
) -> SubscriptionResult {
    let mut runs = std::pin::pin!(runs);
    while let Some(run) = next(&sink, &mut runs, &stop).await {
        match send(&sink, &run, &stop).await? {
            Ok(()) => {}
            Err(Untaken::Late) => return Err(cut("this reader is too slow: subscribe and list again")),
            Err(_) => break,
        }
    }
    if stop.is_cancelled() || sink.is_closed() {
        Ok(())
    } else {
        Err(cut("too many changes: subscribe and list again"))
    }
}

fn cut(why: &str) -> SubscriptionError {
    why.into()
}

/// Sends what a stream has until its own end. The reader knows the last item when it sees it.
///
/// # Errors
/// When it cannot be read or the reader is too far behind: jsonrpsee tells it that its subscription is over.
pub(super) async fn until_end<T: Serialize + Sync>(
    sink: SubscriptionSink,
    items: impl Stream<Item = Result<T, Error>> + Send,
    stop: CancellationToken,
) -> SubscriptionResult {
    let mut items = std::pin::pin!(items);
    while let Some(item) = next(&sink, &mut items, &stop).await {
        let item = item.map_err(|error| {
            tracing::warn!(%error, "a reader is let go because its subject cannot be read");
            cut("it cannot be read now: subscribe again")
        })?;
        match send(&sink, &item, &stop).await? {
            Ok(()) => {}
            Err(Untaken::Late) => return Err(cut("this reader is too slow: subscribe again")),
            Err(_) => break,
        }
    }
    Ok(())
}

async fn next<S: Stream + Unpin + Send>(
    sink: &SubscriptionSink,
    stream: &mut S,
    stop: &CancellationToken,
) -> Option<S::Item> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        () = sink.closed() => None,
        item = stream.next() => item,
    }
}

/// Hands an item over. The inner error is why it was not taken; that of a stop is that the reader is gone.
async fn send(
    sink: &SubscriptionSink,
    item: &(impl Serialize + Sync),
    stop: &CancellationToken,
) -> Result<Result<(), Untaken>, SubscriptionError> {
    let message = message(sink, item)?;
    Ok(tokio::select! {
        biased;
        () = stop.cancelled() => Err(Untaken::Gone),
        () = sink.closed() => Err(Untaken::Gone),
        sent = sink.send_timeout(message, PATIENCE) => taken(sent),
    })
}

fn taken(sent: Result<(), SendTimeoutError>) -> Result<(), Untaken> {
    sent.map_err(|error| match error {
        SendTimeoutError::Closed(_) => Untaken::Gone,
        SendTimeoutError::Timeout(_) => Untaken::Late,
    })
}

fn message(sink: &SubscriptionSink, item: &impl Serialize) -> Result<SubscriptionMessage, serde_json::Error> {
    SubscriptionMessage::new(sink.method_name(), sink.subscription_id(), item)
}
