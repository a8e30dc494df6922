//! The pump: the one place where a stream meets a socket.
//!
//! All subscriptions of a connection share its buffer, in the order in which they ask for a place in it. A
//! reader that leaves no place for too long is let go: its stream and what it holds are dropped, and only
//! one small message goes on waiting, so that its neighbours don't wait behind it. It comes back with its own
//! cursor. Whoever is let go without a frame that says so hears it from the end of the subscription itself.

#[cfg(test)]
mod tests;

use std::time::Duration;

use api::{run::Run, stream::Frame};
use futures::{Stream, StreamExt};
use jsonrpsee::{
    SubscriptionMessage, SubscriptionSink,
    core::{SubscriptionError, SubscriptionResult},
    server::SendTimeoutError,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{app::follow::Outgoing, store::Error};

/// How long a reader may leave no place for a frame.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let mut sent = after;
    {
        let mut frames = std::pin::pin!(frames);
        loop {
            let frame = match next(&sink, &mut frames, &stop).await {
                None => return Ok(()),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    tracing::warn!(%error, "a reader is let go because the log cannot be read");
                    return Err(cut("the log cannot be read now: subscribe again"));
                }
            };
            if !send(&sink, &frame, patience).await? {
                break;
            }
            if let Outgoing::Item { event } = &frame {
                sent = event.seq;
            }
        }
    }
    // Waits as long as the connection lives: without this word the reader would wait for ever.
    let resync = sink.send(message(&sink, &Frame::Resync { after: sent })?);
    tokio::select! {
        () = stop.cancelled() => {}
        _ = resync => {}
    }
    Ok(())
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
        if !send(&sink, &run, PATIENCE).await? {
            return Err(cut("this reader is too slow: subscribe and list again"));
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
        if !send(&sink, &item, PATIENCE).await? {
            return Err(cut("this reader is too slow: subscribe again"));
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

/// Whether the item found a place in time. A connection that is gone ends in `next`.
async fn send(
    sink: &SubscriptionSink,
    item: &(impl Serialize + Sync),
    patience: Duration,
) -> Result<bool, SubscriptionError> {
    match sink.send_timeout(message(sink, item)?, patience).await {
        Ok(()) | Err(SendTimeoutError::Closed(_)) => Ok(true),
        Err(SendTimeoutError::Timeout(_)) => Ok(false),
    }
}

fn message(sink: &SubscriptionSink, item: &impl Serialize) -> Result<SubscriptionMessage, SubscriptionError> {
    Ok(SubscriptionMessage::new(sink.method_name(), sink.subscription_id(), item)?)
}
