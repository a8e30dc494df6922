//! How much the agent's files take on disk, where that is limited.
//!
//! Counting all files takes time, asking the file system how full it is takes none. So files are counted only
//! when so much has come to the file system, from whomever, that it could be too much.

mod count;

use std::{os::unix::fs::MetadataExt, path::PathBuf, time::Duration};

use nix::sys::statvfs::statvfs;

use crate::{Config, account::Account, worker::ask};

pub(crate) use count::count;
use count::{Count, Places};

/// How often the file system is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// What a file takes beside its content, in bytes: a file system has room for so many files, with content or without.
const FILE: u64 = 4 << 10;
/// How long a count may take; longer than a count gives itself.
const TIME: Duration = Duration::from_secs(40);

/// The limit and what it is about.
#[derive(Clone)]
pub(crate) struct Disk {
    account: Account,
    limit: u64,
    places: Places,
    /// What was in use when the executor began, in bytes.
    start: u64,
}

impl Disk {
    /// The limit that the settings name.
    pub(crate) fn of(config: &Config, account: Account) -> Self {
        let mut places = vec![config.workspace.clone(), config.agent_home.clone()];
        // Without a user of its own what is there is everybody's.
        if account.is_apart() {
            places.extend(["/tmp", "/var/tmp"].map(PathBuf::from));
        }
        let start = used(&places);
        Self { account, limit: config.disk_bytes, places: Places(places), start }
    }

    /// Comes back when the agent's files take more than the limit, with a sentence that says so.
    pub(crate) async fn full(&self) -> String {
        if self.limit == 0 {
            return std::future::pending().await;
        }
        let (mut counted, mut counted_at) = (0, None);
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let used = used(&self.places.0);
            // The nearer the limit, the sooner it is counted again.
            let worth = (self.limit.saturating_sub(counted) / 2).clamp(self.limit / 64, self.limit / 4);
            if let Some(at) = counted_at.filter(|at| used < at + worth) {
                // What others free must not hide what the agent takes.
                counted_at = Some(used.min(at));
                continue;
            }
            counted = self.count(used.saturating_sub(self.start)).await;
            counted_at = Some(used);
            if self.limit < counted {
                return format!(
                    "the agent's files take {counted} bytes on disk; the limit is {}",
                    self.limit
                );
            }
        }
    }

    /// What the files take. Where some cannot be seen, or counting fails, it is at least what has come to the
    /// file system meanwhile: the agent must not hide behind that.
    async fn count(&self, grown: u64) -> u64 {
        match ask::<_, Count>(&self.account, "disk", &self.places, TIME).await {
            Ok(Count { bytes, complete: true }) => bytes,
            Ok(Count { bytes, complete: false }) => bytes.max(grown),
            Err(error) => {
                tracing::warn!(%error, "the agent's files could not be counted");
                grown
            }
        }
    }
}

/// What is in use on the file systems of the places, in bytes.
fn used(places: &[PathBuf]) -> u64 {
    let mut devices = Vec::new();
    let used = |place: &PathBuf| {
        let device = std::fs::metadata(place).ok()?.dev();
        let new = !devices.contains(&device);
        devices.push(device);
        let system = statvfs(place).ok().filter(|_| new)?;
        let bytes = system.blocks().saturating_sub(system.blocks_free()) * system.fragment_size();
        Some(bytes + system.files().saturating_sub(system.files_free()) * FILE)
    };
    places.iter().filter_map(used).sum()
}
