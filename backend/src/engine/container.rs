//! A container in neutral words: what it is made from and may use, where it is, how it ended.

use std::net::IpAddr;

use api::id::{InstanceId, RunId};

use super::Mount;
use crate::endpoint::Endpoint;

/// What all containers of a server have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What one may use.
    pub limits: Limits,
    /// The engine's runtime; `None` is its default.
    pub runtime: Option<String>,
    /// Folders of the host that the operator shares with every run.
    pub mounts: Vec<Mount>,
    /// Where names are resolved; empty is the engine's choice.
    pub dns: Vec<IpAddr>,
    /// Whether the root file system may be written to.
    pub writable_root: bool,
}

/// What one container may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Processor cores.
    pub cpus: f64,
    /// Memory in bytes; there is no swap beside it.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: i64,
    /// What it may write to disk, in bytes.
    pub disk_bytes: u64,
    /// The size of its `/tmp`, in bytes of its memory.
    pub tmp_bytes: u64,
}

/// A container to be started.
#[derive(Clone)]
pub struct Wanted {
    /// Its id.
    pub instance: InstanceId,
    /// The run it serves.
    pub run: RunId,
    /// The image to make it from; never pulled.
    pub image: String,
    /// The bearer token the executor asks of the backend.
    pub token: String,
    /// The executor's certificate and its key, in PEM, for a container that is reached over a network.
    pub identity: String,
}

/// A container that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The engine's id.
    pub container_id: String,
    /// The instance it is.
    pub instance: InstanceId,
    /// The run it serves; `None` when its label cannot be read.
    pub run: Option<RunId>,
    /// Whether its first process runs.
    pub running: bool,
    /// Where its executor is reached; `None` unless it runs and this server can reach it.
    pub endpoint: Option<Endpoint>,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its first process's exit code; `None` when it never ran.
    pub code: Option<i64>,
    /// Whether the kernel killed something in it because its memory was used up.
    pub out_of_memory: bool,
    /// The last 4 KiB of its own output.
    pub log_tail: String,
}

/// What a container uses now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Processor time since the last look, in per cent of one core; `None` at the first look.
    pub cpu_percent: Option<f64>,
    /// Memory in use, in bytes, without the page cache that can be given back.
    pub memory_bytes: Option<u64>,
    /// The limit of it, in bytes.
    pub memory_limit_bytes: Option<u64>,
}
