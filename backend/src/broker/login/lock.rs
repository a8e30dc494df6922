//! The CLI's own lock around a renewal: folders that exist while somebody renews. Whoever made them
//! touches them; those that nobody touched for a minute were left behind.

use std::{
    fs::{self, File},
    future::Future,
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, interval, sleep};

use super::Error;

/// In the CLI's folder.
const NAME: &str = ".oauth_refresh.lock";
/// A lock that was not touched for so long belongs to nobody.
const STALE: Duration = Duration::from_secs(60);
/// How often a lock is touched; older versions of the CLI take it over after 10 seconds.
const TOUCH: Duration = Duration::from_secs(3);
/// How long to wait for whoever renews; it is done in a second or two.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

/// Both folders; they go when it is dropped.
pub(super) struct Lock {
    held: Vec<Folder>,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            tracing::warn!(%error, lock = %self.0.display(), "a lock of the host's login stays behind");
        }
    }
}

impl Lock {
    /// Waits until nobody else renews.
    pub(super) async fn take(folder: &Path) -> Result<Self, Error> {
        let until = Instant::now() + PATIENCE;
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut held = vec![make(folder.join(NAME), until).await?];
        // Older versions of the CLI know this one only. It lies beside the folder, where Caisson may not
        // be allowed to write; then the CLI of this user is not either.
        let mut beside = real.into_os_string();
        beside.push(".lock");
        match make(beside.into(), until).await {
            Ok(folder) => held.push(folder),
            Err(Taken::Failed(error)) => tracing::debug!(%error, "no older lock of the host's login"),
            Err(taken) => return Err(taken.into()),
        }
        Ok(Self { held })
    }

    /// Does something while the lock is kept fresh.
    pub(super) async fn held_during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut tick = interval(TOUCH);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = tick.tick() => self.held.iter().for_each(Folder::touch),
            }
        }
    }
}

impl Folder {
    fn touch(&self) {
        let touched = File::open(&self.0).and_then(|folder| folder.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::warn!(%error, "a lock of the host's login cannot be kept");
        }
    }
}

enum Taken {
    TooLong(PathBuf),
    Failed(io::Error),
}

impl From<Taken> for Error {
    fn from(taken: Taken) -> Self {
        Self::Unavailable(match taken {
            Taken::TooLong(lock) => format!("another process renews it, says {}", lock.display()),
            Taken::Failed(error) => format!("its lock cannot be made: {error}"),
        })
    }
}

async fn make(lock: PathBuf, until: Instant) -> Result<Folder, Taken> {
    loop {
        match fs::create_dir(&lock) {
            Ok(()) => return Ok(Folder(lock)),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Taken::Failed(error)),
            Err(_) if is_stale(&lock) => {
                // Another process may have removed it first.
                if fs::remove_dir(&lock).is_err() {
                    sleep(PAUSE).await;
                }
            }
            Err(_) if until <= Instant::now() => return Err(Taken::TooLong(lock)),
            Err(_) => sleep(PAUSE).await,
        }
    }
}

fn is_stale(lock: &Path) -> bool {
    let touched = fs::metadata(lock).and_then(|about| about.modified());
    touched.is_ok_and(|at| at.elapsed().is_ok_and(|age| STALE < age))
}
