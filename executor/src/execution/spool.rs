//! The spool: an execution's numbered lines on disk, before anyone is offered them.
//!
//! One JSON `ExecutionLine` a line, in the form in which it travels. Readers are woken by a channel that also
//! says how far the file is whole; they read it themselves, so a slow one or a thousand change nothing.
//! Nothing is synced: the spool must survive the executor, not the machine, which takes the container along.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use api::executor::ExecutionLine;
use bytes::Bytes;
use nix::fcntl::{FallocateFlags, fallocate};
use tokio::sync::watch;

/// How far a spool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The newest line's number.
    pub(crate) n: u64,
    /// How many bytes of the file are whole lines.
    pub(crate) bytes: u64,
    /// Whether the newest line is `End`.
    pub(crate) ended: bool,
}

/// What readers share.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    index: Mutex<Index>,
    marks: watch::Sender<Mark>,
    /// Everything up to this number is safe elsewhere.
    acknowledged: watch::Sender<u64>,
    /// `End`, when the disk could not take it.
    unwritten_end: OnceLock<Bytes>,
}

/// Where lines begin.
#[derive(Debug, Default)]
struct Index {
    /// The number of the line that `offsets` begins with, less one.
    before: u64,
    offsets: Vec<u64>,
}

/// The one writer of a spool.
#[derive(Debug)]
pub(crate) struct Spool {
    log: Arc<Log>,
    mark: Mark,
    /// Whether half a line could not be taken back.
    torn: bool,
}

impl Spool {
    /// A new, empty spool. Blocking, but short.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self::of(file, Index::default(), Mark::default()))
    }

    /// A spool that an earlier executor left behind; a line it did not finish is dropped. Blocking.
    pub(crate) fn reopen(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).open(path)?;
        let (index, mark) = scan(&file)?;
        file.set_len(mark.bytes)?;
        Ok(Self::of(file, index, mark))
    }

    fn of(file: File, index: Index, mark: Mark) -> Self {
        let marks = watch::Sender::new(mark);
        let acknowledged = watch::Sender::new(index.before);
        let log = Log { file, index: Mutex::new(index), marks, acknowledged, unwritten_end: OnceLock::new() };
        Self { log: Arc::new(log), mark, torn: false }
    }

    /// Every write to it fails for want of space.
    #[cfg(test)]
    pub(super) fn on_a_full_disk() -> Self {
        let file = File::options().read(true).write(true).open("/dev/full").unwrap();
        Self::of(file, Index::default(), Mark::default())
    }

    /// What readers need.
    pub(crate) const fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// How far it is.
    pub(crate) const fn mark(&self) -> Mark {
        self.mark
    }

    /// How many bytes are kept that nobody has acknowledged.
    pub(crate) fn unacknowledged(&self) -> u64 {
        let start = self.log.offset_after(self.log.acknowledged());
        start.map_or(0, |start| self.mark.bytes - start)
    }

    /// Writes the line that `make` gives for the next number, then wakes the readers.
    ///
    /// # Errors
    /// When the disk does not take it; then it is as if nothing had been written, and `End` is kept in memory.
    pub(crate) fn append(&mut self, make: impl FnOnce(u64) -> ExecutionLine) -> io::Result<()> {
        let line = make(self.mark.n + 1);
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let ended = matches!(line, ExecutionLine::End { .. });
        let written = if self.torn {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            (&self.log.file).write_all(&bytes)
        };
        if let Err(error) = written {
            // Half a line must not stay: the next one would be glued to it.
            self.torn = self.log.file.set_len(self.mark.bytes).is_err();
            if !ended {
                return Err(error);
            }
            self.log.unwritten_end.get_or_init(|| Bytes::from(bytes));
        } else {
            self.log.index().offsets.push(self.mark.bytes);
            self.mark.bytes += bytes.len() as u64;
        }
        self.mark.n += 1;
        self.mark.ended = ended;
        self.log.marks.send_replace(self.mark);
        Ok(())
    }
}

impl Log {
    /// Wakes after each line.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Mark> {
        self.marks.subscribe()
    }

    /// `End`, when it is only in memory.
    pub(crate) fn unwritten_end(&self) -> Option<Bytes> {
        self.unwritten_end.get().cloned()
    }

    /// The last number that was acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    /// Notified whenever more is acknowledged.
    pub(crate) fn acknowledgements(&self) -> watch::Receiver<u64> {
        self.acknowledged.subscribe()
    }

    /// Where the line after `n` begins in the file; `None` when it is not written yet.
    pub(crate) fn offset_after(&self, n: u64) -> Option<u64> {
        let index = self.index();
        let place = usize::try_from(n.checked_sub(index.before)?).ok()?;
        index.offsets.get(place).copied()
    }

    /// A handle of its own for a reader.
    pub(crate) fn reader(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Forgets the lines up to `n`: their place on disk is given back, offsets stay as they are.
    pub(crate) fn acknowledge(&self, n: u64) {
        let n = n.min(self.marks.borrow().n);
        let end = self.offset_after(n);
        let more = self.acknowledged.send_if_modified(|acknowledged| {
            let more = *acknowledged < n;
            *acknowledged = n.max(*acknowledged);
            more
        });
        if !more {
            return;
        }
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        // The newest line always stays, so that a restarted executor knows the numbers. A file system
        // without holes keeps everything, which is only a matter of space.
        if let Some(length) = end.and_then(|end| i64::try_from(end).ok()).filter(|length| 0 < *length)
            && let Err(error) = fallocate(&self.file, hole, 0, length)
        {
            tracing::debug!(%error, "the spool keeps acknowledged lines");
        }
    }

    fn index(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a spool from its start: where its lines begin, how far it is whole.
fn scan(file: &File) -> io::Result<(Index, Mark)> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    reader.seek(SeekFrom::Start(0))?;
    let (mut index, mut mark) =
        (Index::default(), Mark { bytes: skip_hole(&mut reader)?, ..Mark::default() });
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        let Some(whole) = line.strip_suffix(b"\n") else { return Ok((index, mark)) };
        let parsed: ExecutionLine = serde_json::from_slice(whole)?;
        let n = parsed.n().unwrap_or_default();
        if index.offsets.is_empty() {
            index.before = n.saturating_sub(1);
        }
        index.offsets.push(mark.bytes);
        let ended = matches!(parsed, ExecutionLine::End { .. });
        mark = Mark { n, bytes: mark.bytes + line.len() as u64, ended };
    }
}

/// Skips the zeros that acknowledged lines left; no line holds one.
fn skip_hole(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let bytes = reader.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let more = zeros == bytes.len() && zeros != 0;
        reader.consume(zeros);
        skipped += zeros as u64;
        if !more {
            return Ok(skipped);
        }
    }
}

/// Makes the folder of the spools, closed to the agent.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(path)?;
    // The group goes through it to the repository; its names are the executor's alone.
    fs::set_permissions(path, fs::Permissions::from_mode(0o710))
}

#[cfg(test)]
mod tests {
    use api::{
        Timestamp,
        executor::{Exit, ExitCause},
    };

    use super::*;

    fn stderr(n: u64) -> ExecutionLine {
        ExecutionLine::Stderr { n, at: Timestamp::UNIX_EPOCH, text: "x".repeat(100) }
    }

    #[test]
    fn on_a_full_disk_a_line_is_refused_and_the_end_is_kept_in_memory() {
        let mut spool = Spool::on_a_full_disk();
        assert_eq!(spool.append(stderr).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(spool.mark(), Mark::default());
        let exit = Exit {
            cause: ExitCause::DiskFull,
            code: None,
            signal: None,
            result: None,
            stderr: String::new(),
            memory_kills: 0,
        };
        spool.append(|n| ExecutionLine::End { n, at: Timestamp::UNIX_EPOCH, exit }).unwrap();
        assert_eq!(spool.mark(), Mark { n: 1, bytes: 0, ended: true });
        let end: ExecutionLine = serde_json::from_slice(&spool.log().unwritten_end().unwrap()).unwrap();
        assert_eq!(end.n(), Some(1));
    }

    #[test]
    fn acknowledged_lines_give_their_place_back_and_the_others_stay_where_they_are() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        let mut spool = Spool::create(&path).unwrap();
        for _ in 0..2000 {
            spool.append(stderr).unwrap();
        }
        let (offset, before) = (spool.log().offset_after(1900), fs::metadata(&path).unwrap());
        spool.log().acknowledge(1900);
        // Only ever more.
        spool.log().acknowledge(5);
        assert_eq!(spool.log().acknowledged(), 1900);
        let after = fs::metadata(&path).unwrap();
        assert!(after.len() == before.len() && after.blocks() < before.blocks() / 2, "{after:?}");
        let reopened = Spool::reopen(&path).unwrap();
        assert_eq!(reopened.mark(), spool.mark());
        assert_eq!(reopened.log().offset_after(1900), offset);
        assert_eq!(reopened.log().acknowledged(), 1900);
    }
}
