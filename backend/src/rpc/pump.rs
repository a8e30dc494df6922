//! The pump: the one place where a stream meets a socket.
//!
//! All subscriptions of a connection share its buffer. A reader that leaves it full for too long is let go,
//! so that its neighbours don't wait for it; it comes back with its own cursor.

use std::time::Duration;

use api::{run::Run, stream::Frame};
use futures::{Stream, StreamExt};
use jsonrpsee::{SubscriptionMessage, SubscriptionSink};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::store::Error;

/// How long a reader may leave its buffer full.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends frames until the end, the reader's leave, or the server's stop.
pub(super) async fn frames(
    mut sink: SubscriptionSink,
    frames: impl Stream<Item = Result<Frame, Error>> + Send,
    after: i64,
    stop: CancellationToken,
) {
    let mut frames = std::pin::pin!(frames);
    let mut sent = after;
    while let Some(frame) = next(&sink, &mut frames, &stop).await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                // Without `End` the reader knows that it was cut, and comes back.
                tracing::warn!(%error, "a reader is let go because the log cannot be read");
                return;
            }
        };
        if !send(&sink, &frame).await {
            // The buffer is full, so this may not get through either; then the cut itself says so.
            if let Some(message) = message(&sink, &Frame::Resync { after: sent }) {
                let _ = sink.try_send(message);
            }
            return;
        }
        if let Frame::Item { event } = &frame {
            sent = event.seq;
        }
    }
}

/// Sends runs as they change.
pub(super) async fn changes(
    sink: SubscriptionSink,
    runs: impl Stream<Item = Run> + Send,
    stop: CancellationToken,
) {
    let mut runs = std::pin::pin!(runs);
    while let Some(run) = next(&sink, &mut runs, &stop).await {
        if !send(&sink, &run).await {
            return;
        }
    }
}

/// Sends what a stream has until its own end. The reader knows the last item when it sees it.
pub(super) async fn until_end<T: Serialize + Sync>(
    sink: SubscriptionSink,
    items: impl Stream<Item = Result<T, Error>> + Send,
    stop: CancellationToken,
) {
    let mut items = std::pin::pin!(items);
    while let Some(item) = next(&sink, &mut items, &stop).await {
        match item {
            Ok(item) if send(&sink, &item).await => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "a reader is let go because its subject cannot be read");
                return;
            }
        }
    }
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

async fn send(sink: &SubscriptionSink, item: &(impl Serialize + Sync)) -> bool {
    let Some(message) = message(sink, item) else { return false };
    sink.send_timeout(message, PATIENCE).await.is_ok()
}

fn message(sink: &SubscriptionSink, item: &impl Serialize) -> Option<SubscriptionMessage> {
    SubscriptionMessage::new(sink.method_name(), sink.subscription_id(), item).ok()
}
