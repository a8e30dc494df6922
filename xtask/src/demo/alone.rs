//! One demo at a time in a folder: two servers must not share an embedded database.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Seek, Write},
    path::Path,
};

use anyhow::{Context, Result, bail};

/// The lock on a demo's folder. The server inherits it, so that one which outlives its demo keeps it.
pub(super) struct Alone(File);

impl Alone {
    /// Takes the folder.
    ///
    /// # Errors
    /// When another demo, or what one has left behind, works with it.
    pub(super) fn with(folder: &Path) -> Result<Self> {
        let path = folder.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {
                // The process an earlier demo noted is gone.
                file.set_len(0)?;
                Ok(Self(file))
            }
            Err(TryLockError::WouldBlock) => {
                let server = fs::read_to_string(&path).unwrap_or_default();
                let kill =
                    if server.is_empty() { String::new() } else { format!(" (or with `kill {server}`)") };
                bail!("another demo runs with {}: end it with Ctrl-C{kill}", folder.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// The same lock, for the server to hold.
    ///
    /// # Errors
    /// When this process has no file descriptor left.
    pub(super) fn share(&self) -> Result<File> {
        self.0.try_clone().context("cannot share the lock")
    }

    /// Notes which process is to be ended if it is left behind.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn held_by(&mut self, server: u32) -> Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        write!(self.0, "{server}").context("cannot write the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_demo_is_told_how_to_end_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut first = Alone::with(folder.path()).expect("free");
        first.held_by(4711).expect("written");
        let why = Alone::with(folder.path()).err().expect("taken").to_string();
        assert!(why.contains("`kill 4711`"), "{why}");
        let shared = first.share().expect("shared");
        drop(first);
        assert!(Alone::with(folder.path()).is_err(), "the server holds it still");
        drop(shared);
        assert!(Alone::with(folder.path()).is_ok());
    }
}
