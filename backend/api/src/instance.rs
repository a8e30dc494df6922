//! Instances: the containers runs work in.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    id::{InstanceId, RunId},
};

/// One container, from its creation to its removal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its id; also the container's `caisson.instance` label.
    pub id: InstanceId,
    /// The run it serves.
    pub run_id: RunId,
    /// Where it is in its life.
    pub state: InstanceState,
    /// The engine's id of the container, once there is one.
    pub container_id: Option<String>,
    /// The image it was made from.
    pub image: String,
    /// Where its executor is reached: `HOST:PORT`; in TLS unless that is loopback.
    pub host: Option<String>,
    /// Processor use now, in per cent of one core.
    pub cpu_percent: Option<f64>,
    /// Memory in use now, in bytes.
    pub memory_bytes: Option<u64>,
    /// Its memory limit, in bytes.
    pub memory_limit_bytes: u64,
    /// What it may reach and what it was refused.
    pub egress: Egress,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its executor answered first.
    pub ready_at: Option<Timestamp>,
    /// When it was gone.
    pub removed_at: Option<Timestamp>,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// The engine is making the container.
    Creating,
    /// The container runs, its executor has not answered yet.
    Starting,
    /// The executor answers and waits for work.
    Ready,
    /// The run is at work in it.
    Busy,
    /// It is being stopped.
    Stopping,
    /// It is gone.
    Removed,
    /// It could not be made or started, and is gone.
    Failed,
}

impl InstanceState {
    /// Whether nothing of the container is left.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Removed | Self::Failed)
    }
}

/// What an instance may reach and what it was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Egress {
    /// Hosts it may reach: the task's, then those that were allowed since. The model and the run's repository need no entry: they go through the broker.
    pub allowed: Vec<String>,
    /// Hosts it was refused.
    pub denied: Vec<Denied>,
}

/// A host that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Denied {
    /// Its name or address.
    pub host: String,
    /// The port, where there was one.
    pub port: Option<u16>,
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: Timestamp,
    /// Why, in a sentence with what would help.
    #[serde(default)]
    pub why: String,
    /// The process that asked, where that could be seen.
    #[serde(default)]
    pub process: Option<String>,
}

/// The answer of `instances.remove`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct InstanceRemoved {
    /// Always `removed`.
    pub status: String,
}
