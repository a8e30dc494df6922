//! Settings of git: who commits, and the credential the broker adds.

use std::path::PathBuf;

use clap::Args;

use super::{Error, not_blank, secret};
use crate::secret::Secret;

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
    /// Author's name on commits.
    pub name: String,
    /// Author's address on commits.
    pub email: String,
}

impl GitArgs {
    pub(super) fn validate(self) -> Result<Git, Error> {
        Ok(Git {
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
