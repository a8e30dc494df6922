//! Settings of the model: which upstream the broker speaks to, and with what.

use std::{
    fs::File,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, builder::BoolishValueParser};
use url::Url;

use super::{Error, not_blank, secret};
use crate::{broker::is_exposed, secret::Secret};

/// Which model the agents talk to, as typed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// The model's upstream: `anthropic`, or `scripted:FILE` to play a JSON script, which costs nothing
    #[arg(long, env = "CAISSON_MODEL", value_name = "UPSTREAM", default_value = "anthropic")]
    pub model: ModelSource,
    /// The model of tasks that name none
    #[arg(long, env = "CAISSON_DEFAULT_MODEL", value_name = "NAME", default_value = "sonnet")]
    pub default_model: String,
    /// Anthropic API key; it stays in this process, containers never see it
    #[arg(long, env = "ANTHROPIC_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub anthropic_api_key: Option<Secret>,
    /// File with the Anthropic API key
    #[arg(long, env = "ANTHROPIC_API_KEY_FILE", value_name = "FILE")]
    pub anthropic_api_key_file: Option<PathBuf>,
    /// OAuth token of a Claude subscription, from `claude setup-token`
    #[arg(long, env = "CLAUDE_CODE_OAUTH_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub claude_code_oauth_token: Option<Secret>,
    /// File with the OAuth token
    #[arg(long, env = "CLAUDE_CODE_OAUTH_TOKEN_FILE", value_name = "FILE")]
    pub claude_code_oauth_token_file: Option<PathBuf>,
    /// Folder of the login of the Claude CLI on this host, such as `~/.claude`; used when neither a key nor a
    /// token is set. It is shared with the CLI: renewed by one at a time, and written back
    #[arg(long, env = "CAISSON_CLAUDE_LOGIN", value_name = "DIR")]
    pub claude_login: Option<PathBuf>,
    /// Where that login is renewed, for tests
    #[arg(long, env = "CAISSON_CLAUDE_LOGIN_TOKEN_URL", value_name = "URL", hide = true)]
    pub claude_login_token_url: Option<Url>,
    /// Another server that speaks the Anthropic API [default: Anthropic's own]
    #[arg(long, env = "ANTHROPIC_BASE_URL", value_name = "URL")]
    pub anthropic_base_url: Option<String>,
    /// Show the model's credential to a server beyond this machine over plain HTTP: whoever is on the way can
    /// read and use it
    #[arg(long, env = "CAISSON_INSECURE_MODEL", value_parser = BoolishValueParser::new())]
    pub insecure_model: bool,
    /// File with prices of models, over the built-in ones and in the same format: `{"models": {"NAME":
    /// {"input": 4, "output": 20, "cacheRead": 0.2, "cacheWrite5m": 5, "cacheWrite1h": 8}}}` in US dollars
    /// for a million tokens; the longest NAME that a model's name begins with counts. A model without a
    /// price has an unknown price; a scripted one costs nothing unless it is named here
    #[arg(long, env = "CAISSON_PRICES", value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

/// Which model the agents talk to, checked.
#[derive(Clone, Debug)]
pub struct Model {
    /// The upstream.
    pub source: ModelSource,
    /// The model of tasks that name none.
    pub default_model: String,
    /// Anthropic API key.
    pub api_key: Option<Secret>,
    /// OAuth token of a subscription.
    pub oauth_token: Option<Secret>,
    /// Folder of the login of the host's CLI.
    pub claude_login: Option<PathBuf>,
    /// Where that login is renewed; `None` is the CLI's own place.
    pub claude_login_token_url: Option<Url>,
    /// Another server that speaks the Anthropic API.
    pub base_url: Option<Url>,
    /// File with prices over the built-in ones.
    pub prices: Option<PathBuf>,
}

/// An upstream of the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// Anthropic, or what speaks like it.
    Anthropic,
    /// A script played from this file.
    Scripted(PathBuf),
}

impl FromStr for ModelSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "anthropic" => Ok(Self::Anthropic),
            Some(("scripted", file)) if !file.is_empty() => Ok(Self::Scripted(file.into())),
            _ => Err("write `anthropic` or `scripted:FILE`".to_owned()),
        }
    }
}

impl ModelArgs {
    pub(super) fn validate(self) -> Result<Model, Error> {
        if let ModelSource::Scripted(file) = &self.model {
            check_readable("--model", file)?;
        }
        if let Some(folder) = self.claude_login.as_deref().filter(|folder| !folder.as_os_str().is_empty()) {
            check_readable("--claude-login", &folder.join(".credentials.json"))?;
        }
        let prices = self.prices.filter(|file| !file.as_os_str().is_empty());
        if let Some(file) = &prices {
            check_readable("--prices", file)?;
        }
        let base_url = self.anthropic_base_url.filter(|url| !url.is_empty()).map(base_url).transpose()?;
        for (flag, url) in
            [("--anthropic-base-url", &base_url), ("--claude-login-token-url", &self.claude_login_token_url)]
        {
            if url.as_ref().is_some_and(is_exposed) && !self.insecure_model {
                return Err(Error::refused(
                    flag,
                    "over plain http:// everybody on the way can read the model's credential: write an \
                     https:// URL, or add --insecure-model (CAISSON_INSECURE_MODEL) if they may",
                ));
            }
        }
        Ok(Model {
            source: self.model,
            default_model: not_blank(
                "--default-model",
                self.default_model,
                "a model's name, such as `sonnet`",
            )?,
            api_key: secret("--anthropic-api-key", self.anthropic_api_key, self.anthropic_api_key_file)?,
            oauth_token: secret(
                "--claude-code-oauth-token",
                self.claude_code_oauth_token,
                self.claude_code_oauth_token_file,
            )?,
            claude_login: self.claude_login.filter(|folder| !folder.as_os_str().is_empty()),
            claude_login_token_url: self.claude_login_token_url,
            base_url,
            prices,
        })
    }
}

pub(super) fn check_readable(flag: &'static str, file: &Path) -> Result<(), Error> {
    let opened = File::open(file);
    opened.map(drop).map_err(|source| Error::Unreadable { flag, path: file.to_owned(), source })
}

fn base_url(text: String) -> Result<Url, Error> {
    let refused =
        || Error::refused("--anthropic-base-url", "write an http:// or https:// URL without a password");
    let url = Url::parse(&text).map_err(|_| refused())?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let plain = url.username().is_empty() && url.password().is_none();
    if web && plain { Ok(url) } else { Err(refused()) }
}
