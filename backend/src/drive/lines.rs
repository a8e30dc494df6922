//! The lines of an execution on their way: read on while those before them are stored, within bounds.

use std::sync::Arc;

use api::executor::ExecutionLine;
use futures::{
    Stream, StreamExt,
    stream::{BoxStream, unfold},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

use crate::agent::Error;

/// The most lines in one batch, and the most that wait for the next.
const LINES: usize = 256;
/// How much of one run may be in memory, in units. A line that is larger than everything comes alone.
const UNITS: u32 = 8 << 10;
/// The unit, in bytes: 8 MiB in all.
const UNIT: usize = 1024;

/// A line as it is read, or how reading failed.
type Read = Result<ExecutionLine, Error>;
/// The place in memory that lines take until this is dropped.
type Place = Option<OwnedSemaphorePermit>;

/// Batches of lines: each is all that has come until it is asked for.
pub(super) fn gathered(
    lines: impl Stream<Item = Read> + Send + 'static,
) -> BoxStream<'static, (Vec<Read>, Place)> {
    let (sender, receiver) = mpsc::channel(LINES);
    let room = Arc::new(Semaphore::new(UNITS as usize));
    // Ends when this stream is dropped.
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        let mut lines = std::pin::pin!(lines);
        while let Some(line) = lines.next().await {
            // It is never closed.
            let Ok(place) = room.clone().acquire_many_owned(units(&line)).await else { return };
            if sender.send((line, place)).await.is_err() {
                return;
            }
        }
    });
    let batches = unfold((receiver, reading), |(mut receiver, reading)| async move {
        let mut read = Vec::new();
        if receiver.recv_many(&mut read, LINES).await == 0 {
            return None;
        }
        let mut place: Place = None;
        let lines = read.into_iter().map(|(line, more)| {
            match &mut place {
                Some(place) => place.merge(more),
                none => *none = Some(more),
            }
            line
        });
        let lines = lines.collect();
        Some(((lines, place), (receiver, reading)))
    });
    Box::pin(batches)
}

fn units(line: &Read) -> u32 {
    let bytes = match line {
        Ok(ExecutionLine::Agent { line, .. }) => line.raw.len(),
        Ok(ExecutionLine::Stderr { text, .. } | ExecutionLine::Partial { text, .. }) => text.len(),
        Ok(ExecutionLine::End { .. }) | Err(_) => 0,
    };
    u32::try_from(bytes / UNIT + 1).unwrap_or(UNITS).min(UNITS)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use api::Timestamp;
    use futures::stream;

    use super::*;

    fn line(n: u64, bytes: usize) -> Read {
        Ok(ExecutionLine::Stderr { n, at: Timestamp::UNIX_EPOCH, text: "x".repeat(bytes) })
    }

    #[tokio::test]
    async fn every_line_comes_once_and_in_order() {
        let lines = stream::iter((1..=1000).map(|n| line(n, 10)));
        let batches = gathered(lines).map(|(lines, _place)| stream::iter(lines)).flatten();
        let numbers: Vec<_> = batches.map(|line| line.unwrap().n().unwrap()).collect().await;
        assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn no_more_than_fits_is_read_before_what_was_read_is_done_with() {
        let read = Arc::new(AtomicUsize::new(0));
        let count = read.clone();
        // Each takes more than half of the place.
        let lines = stream::iter((1..=6).map(|n| line(n, 5 << 20))).inspect(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let mut batches = gathered(lines);
        for expected in 1..=6 {
            let (lines, place) = batches.next().await.unwrap();
            assert_eq!(lines.len(), 1);
            assert!(read.load(Ordering::SeqCst) <= expected + 1, "one more waits for its place");
            drop(place);
        }
        assert!(batches.next().await.is_none());
    }
}
