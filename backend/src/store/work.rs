//! What a driver knows of a run's work beside its branch. It is stored, so that a run that was adopted ends with the
//! same words.

use std::collections::BTreeMap;

use api::{
    executor::Elsewhere,
    instance::Denied,
    run::{DeniedHost, DeniedTool, NotCommitted},
};
use serde::{Deserialize, Serialize};

/// A run's work beside its branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Work {
    /// Files of the workspace that are in no commit.
    pub not_committed: Vec<NotCommitted>,
    /// Commits that are not on the run's branch.
    pub elsewhere: Vec<Elsewhere>,
    /// Calls of the agent that were not allowed: the tool by the call.
    pub denied: BTreeMap<String, String>,
    /// Files the agent's own tools wrote outside the workspace: the path by the call.
    pub outside: BTreeMap<String, String>,
    /// How many files were too large for a patch, by the patch's name.
    pub cut: BTreeMap<String, u64>,
    /// The notices of the executor that are in the log.
    pub told: Vec<String>,
}

impl Work {
    /// The calls that were not allowed, by tool.
    #[must_use]
    pub fn denied_tools(&self) -> Vec<DeniedTool> {
        counted(self.denied.values().map(|name| (name, 1)))
            .map(|(name, count)| DeniedTool { name, count })
            .collect()
    }
}

/// What was refused, by host.
#[must_use]
pub fn denied_hosts(denied: &[Denied]) -> Vec<DeniedHost> {
    counted(denied.iter().map(|denied| (&denied.host, denied.count)))
        .map(|(host, count)| DeniedHost { host, count })
        .collect()
}

fn counted<'a>(all: impl Iterator<Item = (&'a String, u64)>) -> impl Iterator<Item = (String, u64)> {
    let mut sums = BTreeMap::new();
    for (name, count) in all {
        let sum: &mut u64 = sums.entry(name.clone()).or_default();
        *sum = sum.saturating_add(count);
    }
    sums.into_iter()
}
