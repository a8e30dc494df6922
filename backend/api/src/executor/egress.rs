//! The executor's egress endpoints: what the container may reach, and what it was refused.

use serde::{Deserialize, Serialize};

use crate::instance::Denied;

/// `PUT /egress`: what the container may reach from now on, as a whole. Repeating it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetEgress {
    /// As in a task: names, addresses, networks, `tool:…`.
    pub allow: Vec<String>,
}

/// How long `GET /egress?after=VERSION` waits for something newer, in seconds.
pub const EGRESS_WAIT_SECONDS: u64 = 25;

/// The answer to `PUT /egress`; to `GET /egress`, which returns at once; and to `GET /egress?after=VERSION`, which
/// waits until there is something newer than that, up to `EGRESS_WAIT_SECONDS`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EgressReport {
    /// Grows with each change; it starts again with the executor.
    pub version: u64,
    /// What is allowed now, tools replaced by the hosts they are configured for.
    pub allowed: Vec<String>,
    /// What was asked to be allowed and could not be.
    pub refused: Vec<Refused>,
    /// What was refused since the executor started, each host and port once.
    pub denied: Vec<Denied>,
    /// What people should know: a name that does not resolve, a tool that is not there. Each once.
    pub notices: Vec<String>,
}

/// An entry that cannot be allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// As it was given.
    pub entry: String,
    /// Why, and what would be right.
    pub why: String,
}
