//! Settings of git: who commits, and the credential the broker adds.

use std::path::PathBuf;

use clap::Args;

use super::{Error, model::check_readable, not_blank, secret};
use crate::{broker::Named, secret::Secret};

/// Who commits, and how repositories are reached, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Git")]
pub struct GitArgs {
    /// GitHub token; it stays in this process, containers never see it
    #[arg(long, env = "GITHUB_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub github_token: Option<Secret>,
    /// File with the GitHub token
    #[arg(long, env = "GITHUB_TOKEN_FILE", value_name = "FILE")]
    pub github_token_file: Option<PathBuf>,
    /// File with credentials of git servers: `{"credentials": [{"host": "git.example.org", "token": "…"},
    /// {"host": "…", "username": "…", "password": "…"}, {"host": "…", "sshKeyFile": "…", "knownHostsFile":
    /// "…"}]}`. Only its owner may read it; each is shown to its host only; containers never see them
    #[arg(long, env = "CAISSON_GIT_CREDENTIALS", value_name = "FILE")]
    pub git_credentials: Option<PathBuf>,
    /// Git servers on loopback or private addresses that runs may use, comma-separated: hosts, addresses and
    /// ranges, with `:port` if only that is meant (`git.internal,10.1.2.0/24,localhost:8080`). A server with a
    /// credential need not be named; link-local addresses and metadata services cannot be
    #[arg(long, env = "CAISSON_GIT_PRIVATE", value_name = "HOST", value_delimiter = ',')]
    pub git_private: Vec<String>,
    /// Author's name on commits
    #[arg(long, env = "CAISSON_GIT_NAME", value_name = "NAME", default_value = "Caisson")]
    pub git_name: String,
    /// Author's address on commits
    #[arg(long, env = "CAISSON_GIT_EMAIL", value_name = "ADDRESS", default_value = "caisson@localhost")]
    pub git_email: String,
}

/// Who commits, and how repositories are reached, checked.
#[derive(Clone, Debug)]
pub struct Git {
    /// GitHub token.
    pub github_token: Option<Secret>,
    /// File with credentials of git servers.
    pub credentials: Option<PathBuf>,
    /// Git servers on loopback or private addresses that runs may use.
    pub private: Vec<Named>,
    /// Author's name on commits.
    pub name: String,
    /// Author's address on commits.
    pub email: String,
}

impl GitArgs {
    pub(super) fn validate(self) -> Result<Git, Error> {
        let credentials = self.git_credentials.filter(|file| !file.as_os_str().is_empty());
        if let Some(file) = &credentials {
            check_readable("--git-credentials", file)?;
        }
        let private = self.git_private.iter().filter(|host| !host.trim().is_empty());
        let private = private.map(|host| {
            host.parse().map_err(|why| Error::refused("--git-private", format!("{:?}: {why}", host.trim())))
        });
        Ok(Git {
            credentials,
            private: private.collect::<Result<_, _>>()?,
            github_token: secret("--github-token", self.github_token, self.github_token_file)?,
            name: signature("--git-name", self.git_name, "the author's name")?,
            email: signature("--git-email", self.git_email, "the author's address")?,
        })
    }
}

/// git refuses these characters in a signature, and would only do so at the end of a run.
fn signature(flag: &'static str, text: String, what: &str) -> Result<String, Error> {
    let text = not_blank(flag, text, what)?;
    if text.contains(['<', '>', '\n', '\0']) {
        return Err(Error::refused(flag, "must not contain `<`, `>` or a line end"));
    }
    Ok(text)
}
