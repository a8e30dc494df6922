//! Follows an execution: everything after a number from the spool, then live, with the tokens between.

use std::{io, os::unix::fs::FileExt, sync::Arc};

use api::executor::ExecutionLine;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::broadcast::{self, error::RecvError};

use super::spool::Log;

/// How much is read from the disk at once: what a reader costs in memory.
const CHUNK: usize = 64 << 10;

/// Tokens on their way.
#[derive(Clone, Debug)]
pub(crate) struct Partial {
    /// The newest kept line when they came.
    pub(crate) after: u64,
    /// The text, `text` or `thinking`.
    pub(crate) text: String,
    /// Which block.
    pub(crate) block: &'static str,
}

/// The NDJSON from line `after + 1` to `End`.
pub(crate) fn follow(
    log: Arc<Log>,
    mut partials: broadcast::Receiver<Partial>,
    after: u64,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    async_stream::try_stream! {
        let mut marks = log.subscribe();
        let file = Arc::new(log.reader()?);
        let mut seen = after;
        let mut place = None;
        let mut live = true;
        loop {
            // Marked before reading: a line that comes meanwhile wakes it again.
            let mark = *marks.borrow_and_update();
            let start = place.or_else(|| log.offset_after(after));
            if let Some(mut at) = start {
                while at < mark.bytes {
                    let bytes = read(file.clone(), at, mark.bytes).await?;
                    at += bytes.len() as u64;
                    yield bytes;
                }
                place = Some(at);
                seen = mark.n;
            }
            if mark.ended {
                if let Some(end) = log.unwritten_end().filter(|_| after < mark.n) {
                    yield end;
                }
                return;
            }
            // Tokens only between whole lines, and only behind the lines they follow.
            tokio::select! {
                biased;
                changed = marks.changed() => if changed.is_err() { return },
                partial = partials.recv(), if live => match partial {
                    Ok(partial) if partial.after == seen => yield line_of(partial)?,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => live = false,
                },
            }
        }
    }
}

fn line_of(partial: Partial) -> io::Result<Bytes> {
    let line = ExecutionLine::Partial { text: partial.text, block: partial.block.to_owned() };
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    Ok(Bytes::from(bytes))
}

async fn read(file: Arc<std::fs::File>, at: u64, end: u64) -> io::Result<Bytes> {
    let length = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
    let reading = tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; length];
        file.read_exact_at(&mut buffer, at)?;
        Ok(Bytes::from(buffer))
    });
    reading.await.map_err(io::Error::other)?
}
