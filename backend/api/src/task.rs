//! Tasks: what to do, defined once and run many times.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{Timestamp, id::TaskId};

mod env;

pub use env::EnvValue;

/// The most steps a task may have.
pub const MAX_STEPS: usize = 100;

/// A stored task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Counts changes; an update names the version it saw.
    pub version: i64,
    /// Who created it: the name of a token; `null` when it was created before owners were stored.
    #[serde(default)]
    pub owner: Option<String>,
    /// What runs of it will do.
    #[serde(flatten)]
    pub spec: TaskSpec,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When it was deleted while runs of it existed; such a task is no longer listed.
    pub archived_at: Option<Timestamp>,
}

/// The definition of a task; a run keeps its own copy of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TaskSpec {
    /// What people call it; 1 to 200 characters.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// 1 to 100 steps, done in order in one agent session.
    pub steps: Vec<Step>,
    /// Which agent works.
    pub agent: Agent,
    /// The model to ask for; `null` is the server's default.
    pub model: Option<String>,
    /// What the agent may do without asking.
    pub permission_profile: PermissionProfile,
    /// What one run may cost, in US dollars; `null` is no limit.
    pub budget_usd: Option<f64>,
    /// How many turns the agent may take for one step; `null` is no limit.
    #[serde(default)]
    pub max_turns: Option<u32>,
    /// How long a run may take, in seconds.
    pub timeout_seconds: u64,
    /// How long a step may take, in seconds.
    pub step_timeout_seconds: u64,
    /// Hosts that the run's container may reach: `example.org`, `*.example.org`, `host:port`, an address or a
    /// network, or what a tool is configured for (`tool:npm`). Without a port: 80 and 443.
    pub egress: Vec<String>,
    /// Environment of the agent and of the checks.
    pub env: BTreeMap<String, EnvValue>,
    /// A JSON schema that the agent's last answer must satisfy.
    pub output_schema: Option<serde_json::Value>,
    /// The image its containers are made from; `null` is the server's.
    #[serde(default)]
    pub image: Option<String>,
    /// The only models the agent may call: exact names, or the beginning of one and `*`. Empty is any.
    #[serde(default)]
    pub models: Vec<String>,
    /// What of the repository's own settings is used.
    #[serde(default)]
    pub repository_settings: RepositorySettings,
    /// Further repositories that the run may read: those of its submodules. They are checked out with it.
    #[serde(default)]
    pub submodules: Vec<String>,
}

impl TaskSpec {
    /// A task of these steps with the default settings.
    #[must_use]
    pub fn new(name: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            steps,
            agent: Agent::ClaudeCode,
            model: None,
            permission_profile: PermissionProfile::Full,
            budget_usd: None,
            max_turns: None,
            timeout_seconds: 4 * 3600,
            step_timeout_seconds: 2 * 3600,
            egress: Vec::new(),
            env: BTreeMap::new(),
            output_schema: None,
            image: None,
            models: Vec::new(),
            repository_settings: RepositorySettings::Ignored,
            submodules: Vec::new(),
        }
    }
}

/// One step of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// What the agent is told; not blank.
    pub instructions: String,
    /// What must hold when the step is done.
    #[serde(default)]
    pub checks: Vec<Check>,
}

impl Step {
    /// The first line of the instructions, for headings and commit messages; at most 72 characters.
    #[must_use]
    pub fn title(&self) -> String {
        let line = self.instructions.trim().lines().next().unwrap_or_default();
        let line = line.trim_start_matches(['#', '-', '*', ' ']);
        match line.char_indices().nth(72) {
            Some((cut, _)) => format!("{}…", line[..cut].trim_end()),
            None => line.to_owned(),
        }
    }
}

/// A command that decides whether a step is done. On the wire a string, or an object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The command line, given to `bash -c`.
    pub run: String,
    /// How long it may take, in seconds; `null` is the executor's default of 600.
    pub timeout_seconds: Option<u64>,
    /// A regular expression that its output must match, beside exit code 0.
    pub expect: Option<String>,
    /// Whether it runs in a clean checkout of the commit it judges, where no other file is. `false`: in the
    /// workspace, where ignored and left out files are as well.
    pub clean: bool,
}

impl From<&str> for Check {
    fn from(run: &str) -> Self {
        Self { run: run.to_owned(), timeout_seconds: None, expect: None, clean: false }
    }
}

/// The long spelling of a check.
#[derive(Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckFull {
    run: String,
    timeout_seconds: Option<u64>,
    expect: Option<String>,
    clean: Option<bool>,
}

/// Reads both spellings. Not serde's `untagged`, which does not say which field is wrong.
struct CheckVisitor;

impl<'de> Visitor<'de> for CheckVisitor {
    type Value = Check;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command line, or {run, timeoutSeconds, expect, clean}")
    }

    fn visit_str<E: de::Error>(self, run: &str) -> Result<Check, E> {
        Ok(run.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Check, A::Error> {
        let full = CheckFull::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Check {
            run: full.run,
            timeout_seconds: full.timeout_seconds,
            expect: full.expect,
            clean: full.clean.unwrap_or_default(),
        })
    }
}

impl<'de> Deserialize<'de> for Check {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckVisitor)
    }
}

#[cfg(feature = "server")]
impl schemars::JsonSchema for Check {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let full = CheckFull::json_schema(generator);
        schemars::json_schema!({ "anyOf": [{ "type": "string", "description": "The command line." }, full] })
    }
}

/// What of a repository's own settings for the agent is used: hooks, permissions, environment, MCP servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RepositorySettings {
    /// Nothing that runs a command by itself; its instructions to the agent (`CLAUDE.md`) are read.
    #[default]
    Ignored,
    /// All of it, as the agent would use it on a developer's machine.
    Trusted,
}

/// The agents there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Agent {
    /// Claude Code, the command line tool.
    #[default]
    ClaudeCode,
}

/// What the agent may do without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PermissionProfile {
    /// Everything inside its container.
    #[default]
    Full,
    /// Read and change files; no other tools.
    Edit,
    /// Only read.
    ReadOnly,
    /// Ask a person first.
    Ask,
}
