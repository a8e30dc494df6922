//! What the server says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, id::RunId};

/// The answer of `system.version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Version {
    /// Caisson's version.
    pub version: String,
    /// The version of this API; grows when it changes.
    pub api: u32,
    /// The commit it was built from, or `unknown`.
    pub commit: String,
}

/// The version of this API, see CHANGELOG.md.
pub const API_VERSION: u32 = 1;

/// The answer of `system.status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// How many runs there are in each state.
    pub runs: BTreeMap<String, u64>,
    /// How many instances live.
    pub instances: u64,
    /// How many runs wait for a place.
    pub queue: u64,
    /// How many runs may work at once.
    pub slots: u64,
    /// The database.
    pub database: Part,
    /// The container engine.
    pub engine: Part,
    /// The container image.
    pub image: Part,
    /// The model's upstream.
    pub model: Part,
    /// How many runs wait for a person.
    #[serde(default)]
    pub gates_waiting: u64,
    /// Since when the oldest run of the queue waits.
    #[serde(default)]
    pub oldest_queued_at: Option<Timestamp>,
    /// How many events were ever stored.
    #[serde(default)]
    pub events_stored: u64,
    /// How many batches have runs that are not over.
    #[serde(default)]
    pub batches_active: u64,
    /// Room on the disk of the data folder, in bytes; `null` when it is not known.
    #[serde(default)]
    pub disk_free_bytes: Option<u64>,
    /// The size of that disk, in bytes.
    #[serde(default)]
    pub disk_total_bytes: Option<u64>,
    /// Runs at work of which nothing was heard for long; at most 20.
    #[serde(default)]
    pub stalled: Vec<RunId>,
    /// The server's clock.
    #[serde(default)]
    pub now: Option<Timestamp>,
    /// What else was looked at: the disk, the queue, the progress of runs, the clock, the jobs.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What the server does in the background.
    #[serde(default)]
    pub jobs: Vec<Job>,
}

/// Something that the server does again and again, and how its last pass on this server went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its name, such as `dispatch` or `retention`.
    pub name: String,
    /// The longest time between two passes, in seconds.
    pub period_seconds: u64,
    /// Whether the last pass succeeded; true before the first one.
    pub ok: bool,
    /// `ok`, or what failed.
    pub detail: String,
    /// When the last pass began; `null` before the first one. A job that one of several servers does for all has none
    /// on the others.
    #[serde(default)]
    pub last_at: Option<Timestamp>,
    /// How long it took.
    #[serde(default)]
    pub duration_ms: Option<u64>,
    /// How many passes there were since the server's start.
    pub passes: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What: `disk`, `queue`, `progress`, `clock`, `jobs`, `git`.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// How it is, or what is wrong and what to do.
    pub detail: String,
}

/// Something the server needs, and whether it is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Part {
    /// Whether it works.
    pub ok: bool,
    /// What it is, or what is wrong and what to do.
    pub detail: String,
}
