//! What is left of a run beside its branch: what was kept, what is in no commit, and what it was denied.

use serde::{Deserialize, Serialize};

/// Something kept of a run; `GET /api/runs/{id}/artifacts/{name}` downloads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct Artifact {
    /// `changes.patch`, `uncommitted.patch`, `elsewhere.bundle`, `left-out.tar.gz`, `workspace.tar.gz`, ….
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// What is in it and how to use it, in a sentence.
    #[serde(default)]
    pub what: String,
}

/// A file of the workspace that is in no commit of the run's branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct NotCommitted {
    /// Its path in the repository; a folder ends with `/`. Bytes that are not UTF-8 are U+FFFD.
    pub path: String,
    /// Its size; of a folder the sum of its files.
    pub bytes: u64,
    /// Why it was left out, and whether an artifact has it, in a sentence.
    pub why: String,
}

/// What a run was denied. When nothing was changed, this may be why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Denials {
    /// Calls of its agent that its permissions or a person did not allow, by tool.
    pub tools: Vec<DeniedTool>,
    /// Connections of its container that the firewall refused, by host.
    pub hosts: Vec<DeniedHost>,
}

/// Calls of one tool that were not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct DeniedTool {
    /// The tool: `Bash`.
    pub name: String,
    /// How many calls.
    pub count: u64,
}

/// Connections to one host that were refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub struct DeniedHost {
    /// Its name or address.
    pub host: String,
    /// How many attempts, over all ports.
    pub count: u64,
}

impl Denials {
    /// Each in words: `Bash was denied 3 times`, `example.org was refused once`.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let times = |count| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        let tools = self.tools.iter().map(|it| format!("{} was denied {}", it.name, times(it.count)));
        let hosts = self.hosts.iter().map(|it| format!("{} was refused {}", it.host, times(it.count)));
        tools.chain(hosts).collect()
    }
}

impl Artifact {
    /// The command that uses it, in a clone of the run's repository; `None` when that depends.
    #[must_use]
    pub fn usage(&self) -> Option<String> {
        let name = &self.name;
        match name.rsplit_once('.')?.1 {
            "bundle" => Some(format!("git fetch {name} 'refs/*:refs/caisson/*'")),
            "patch" => Some(format!("git apply {name}")),
            "gz" => Some(format!("tar -xzf {name}")),
            _ => None,
        }
    }
}
