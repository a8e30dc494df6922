//! Settings: flags with environment twins, checked before the first socket opens.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, path::PathBuf, str::FromStr};

use crate::{auth::Token, tls::Identity};

/// What the executor can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where the backend dials in.
    #[arg(long, env = "CAISSON_LISTEN", default_value = "0.0.0.0:7335")]
    pub listen: SocketAddr,
    /// The bearer token of this container; set it through the environment.
    #[arg(long, env = "CAISSON_TOKEN", hide_env_values = true)]
    pub token: Token,
    /// The certificate and the key, in PEM, with which this container proves to the backend that it is the one; without
    /// it the backend is spoken to in clear, which is for loopback only. Set it through the environment.
    #[arg(long, env = "CAISSON_IDENTITY", hide_env_values = true)]
    pub identity: Option<Identity>,
    /// Where the agent's model calls and git enter; loopback.
    #[arg(long, env = "CAISSON_RELAY", default_value = "127.0.0.1:7336")]
    pub relay: SocketAddr,
    /// The folder of the agent's numbered output; closed to the agent.
    #[arg(long, env = "CAISSON_SPOOL", default_value = "/var/lib/caisson")]
    pub spool: PathBuf,
    /// The folder of the repository; the agent's own.
    #[arg(long, env = "CAISSON_WORKSPACE", default_value = api::executor::WORKSPACE)]
    pub workspace: PathBuf,
    /// The agent's command.
    #[arg(long, env = "CAISSON_AGENT_BIN", default_value = "claude")]
    pub agent_bin: String,
    /// The user that hostile things run as; empty: the executor's own, for tests without root.
    #[arg(long, env = "CAISSON_AGENT_USER", default_value = "agent")]
    pub agent_user: String,
    /// That user's home.
    #[arg(long, env = "CAISSON_AGENT_HOME", default_value = "/home/agent")]
    pub agent_home: PathBuf,
    /// Folders for temporary files that checks find as they were; empty: the system's, where the agent is a user of its
    /// own.
    #[arg(long, env = "CAISSON_SCRATCH", value_delimiter = ':', hide = true)]
    pub scratch: Vec<PathBuf>,
    /// Said by the firewall that starts the executor: `verified`. Tests say `unchecked`.
    #[arg(long, env = "CAISSON_FIREWALL", default_value = "missing", hide = true)]
    pub firewall: Firewall,
    /// How long the agent's process may go on after its last result, in seconds.
    #[arg(long, env = "CAISSON_RESULT_GRACE_SECONDS", default_value_t = 15)]
    pub result_grace_seconds: u64,
    /// After how many seconds without progress a clone is given up.
    #[arg(long, env = "CAISSON_CLONE_STALL_SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    pub clone_stall_seconds: u64,
    /// How much the agent's files may take on disk, in bytes; 0 is no limit.
    #[arg(long, env = "CAISSON_DISK_BYTES", default_value_t = 0)]
    pub disk_bytes: u64,
    /// How much of the agent's output may wait in the spool until it is acknowledged, in bytes. Beyond that the agent
    /// waits, and its time-out with it.
    #[arg(long, env = "CAISSON_UNREAD_BYTES", default_value_t = 64 << 20, hide = true)]
    pub unread_bytes: u64,
    /// The search path of the agent and its tools.
    #[arg(
        long,
        env = "PATH",
        hide = true,
        default_value = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )]
    pub path: String,
    /// The program that is the workers; by default this one.
    #[arg(long, hide = true)]
    pub worker: Option<PathBuf>,
    /// What the image's environment says to package managers.
    #[arg(skip = tool_environment(std::env::vars()))]
    pub tool_env: BTreeMap<String, String>,
}

/// The variables that say to package managers where their registries are.
fn tool_environment(all: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let prefixes = ["npm_config_", "pip_", "cargo_home", "cargo_registries_"];
    all.filter(|(name, _)| prefixes.iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix)))
        .collect()
}

/// What is known about the firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firewall {
    /// It stands and was tried from inside.
    Verified,
    /// Nobody looked; tests only.
    Unchecked,
    /// It did not say anything, so there is none.
    Missing,
}

impl Firewall {
    /// As `/health` says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unchecked => "unchecked",
            Self::Missing => "missing",
        }
    }
}

impl FromStr for Firewall {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "verified" => Self::Verified,
            "unchecked" => Self::Unchecked,
            _ => Self::Missing,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    /// Settings for a test that runs things as itself in this folder.
    pub(crate) fn config(folder: &Path) -> Config {
        let folder = folder.to_str().unwrap();
        let arguments =
            ["", "--token", "t", "--agent-user", "", "--agent-home", folder, "--workspace", folder];
        Cli::parse_from(arguments).config
    }

    #[test]
    fn the_defaults_are_those_of_the_container() {
        let config = Cli::parse_from(["", "--token", "secret"]).config;
        assert_eq!(config.listen.port(), api::executor::PORT);
        assert_eq!(config.relay, SocketAddr::from(([127, 0, 0, 1], api::executor::RELAY_PORT)));
        assert_eq!((config.agent_user.as_str(), config.agent_bin.as_str()), ("agent", "claude"));
        assert_eq!(config.workspace.to_str(), Some(api::executor::WORKSPACE));
        assert_eq!(config.firewall, Firewall::Missing);
        assert!(!format!("{config:?}").contains("secret"));
    }
}
