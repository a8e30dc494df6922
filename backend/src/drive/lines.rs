//! The lines of an execution on their way: read on while those before them are stored, within bounds. What one run may
//! have in memory is a part of what all of them may; who has waited longest comes first.

use std::sync::{Arc, LazyLock};

use api::executor::ExecutionLine;
use futures::{
    Stream, StreamExt,
    stream::{BoxStream, unfold},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

use crate::{agent::Error, turn::Turn};

/// The most lines in one batch, and the most that wait for the next.
const LINES: usize = 256;
/// How much of one run may be in memory, in units: 8 MiB. A longer line takes as much as there is for all.
const UNITS: u32 = 8 << 10;
/// How much of all runs may be, in units: 32 MiB. A line that is longer than that comes alone.
const ALL: u32 = 32 << 10;
/// The unit, in bytes.
const UNIT: usize = 1024;

/// The room for the lines of all runs.
static ROOM: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(ALL as usize)));

/// A line as it is read, or how reading failed.
type Read = Result<ExecutionLine, Error>;
/// The same with its turn, if it is long.
type InTurn = Result<(ExecutionLine, Turn), Error>;
/// The place in memory that lines take until this is dropped: of their run's, and of everybody's; and the
/// turns of the long ones.
type Place = Option<(OwnedSemaphorePermit, OwnedSemaphorePermit, Vec<Turn>)>;

/// Batches of lines: each is all that has come until it is asked for.
pub(super) fn gathered(
    lines: impl Stream<Item = InTurn> + Send + 'static,
) -> BoxStream<'static, (Vec<Read>, Place)> {
    gathered_in(Arc::clone(&ROOM), lines)
}

fn gathered_in(
    all: Arc<Semaphore>,
    lines: impl Stream<Item = InTurn> + Send + 'static,
) -> BoxStream<'static, (Vec<Read>, Place)> {
    let (sender, receiver) = mpsc::channel(LINES);
    let own = Arc::new(Semaphore::new(UNITS as usize));
    // Ends when this stream is dropped.
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        let mut lines = std::pin::pin!(lines);
        while let Some(line) = lines.next().await {
            let (line, turn) = match line {
                Ok((line, turn)) => (Ok(line), turn),
                Err(error) => (Err(error), Turn::default()),
            };
            let units = units(&line);
            // They are never closed. Its own first: who waits for that holds nothing of the others'.
            let Ok(place) = own.clone().acquire_many_owned(units.min(UNITS)).await else { return };
            let Ok(of_all) = all.clone().acquire_many_owned(units).await else { return };
            if sender.send((line, (place, of_all, vec![turn]))).await.is_err() {
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
                Some((place, of_all, turns)) => {
                    place.merge(more.0);
                    of_all.merge(more.1);
                    turns.extend(more.2);
                }
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
    u32::try_from(bytes(line) / UNIT + 1).unwrap_or(ALL).min(ALL)
}

/// How long the text of a line is, in bytes.
fn bytes(line: &Read) -> usize {
    match line {
        Ok(ExecutionLine::Agent { line, .. }) => line.raw.len(),
        Ok(ExecutionLine::Stderr { text, .. } | ExecutionLine::Partial { text, .. }) => text.len(),
        Ok(ExecutionLine::End { .. }) | Err(_) => 0,
    }
}

/// How long the texts of a batch are, in bytes.
pub(super) fn bytes_of(batch: &[Read]) -> u64 {
    batch.iter().map(|line| bytes(line) as u64).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use api::Timestamp;
    use futures::{FutureExt, stream};

    use super::*;

    fn line(n: u64, bytes: usize) -> InTurn {
        let line = ExecutionLine::Stderr { n, at: Timestamp::UNIX_EPOCH, text: "x".repeat(bytes) };
        Ok((line, Turn::default()))
    }

    #[tokio::test]
    async fn every_line_comes_once_and_in_order() {
        let lines = stream::iter((1..=1000).map(|n| line(n, 10)));
        let batches = gathered(lines).map(|(lines, _place)| stream::iter(lines)).flatten();
        let numbers: Vec<_> = batches.map(|line| line.unwrap().n().unwrap()).collect().await;
        assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn all_runs_together_have_no_more_than_there_is_room_for() {
        let read = Arc::new(AtomicUsize::new(0));
        let all = Arc::new(Semaphore::new(ALL as usize));
        let run = || {
            let count = read.clone();
            let lines = stream::iter((1..=6).map(|n| line(n, 7 << 20))).inspect(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
            });
            gathered_in(all.clone(), lines)
        };
        let mut runs: Vec<_> = (0..20).map(|_| run()).collect();
        let mut held = Vec::new();
        for run in &mut runs[..4] {
            held.push(run.next().await.unwrap());
        }
        // Four lines have their place, and each run may have read one more, which waits for it.
        assert!(runs[4].next().now_or_never().is_none(), "there is no room for a fifth");
        let (mut last, mut lines) = (runs.swap_remove(19), 0);
        drop((held, runs));
        while let Some((batch, _place)) = last.next().await {
            lines += batch.len();
        }
        assert_eq!(lines, 6, "who waits gets its turn");
        assert_eq!(all.available_permits(), ALL as usize, "all of it is given back");
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
