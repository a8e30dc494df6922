//! What the server says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
