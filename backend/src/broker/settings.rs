//! What the operator gives the broker, and what it makes of it.

use std::path::{Path, PathBuf};

use axum::http::HeaderValue;
use url::Url;

use super::{json_file, scripted};
use crate::secret::Secret;

const ANTHROPIC: &str = "https://api.anthropic.com";

/// The broker's settings, as the operator wrote them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `CAISSON_MODEL`: `anthropic` (the default) or `scripted:FILE`.
    pub model: Option<String>,
    /// `ANTHROPIC_API_KEY`; goes before the OAuth token.
    pub api_key: Option<Secret>,
    /// `CLAUDE_CODE_OAUTH_TOKEN`.
    pub oauth_token: Option<Secret>,
    /// `ANTHROPIC_BASE_URL`.
    pub base_url: Option<String>,
    /// `GITHUB_TOKEN`; used for github.com only.
    pub github_token: Option<Secret>,
    /// `CAISSON_PRICES`: prices over the built-in ones.
    pub prices: Option<PathBuf>,
}

/// Who answers model calls.
pub enum Upstream {
    /// Anthropic, or something that speaks the same.
    Anthropic {
        /// Where.
        base_url: Url,
        /// What is shown there.
        credential: Credential,
    },
    /// A script; costs nothing.
    Scripted(scripted::Player),
    /// Nobody: there is no credential. Every call is refused with a sentence that says so.
    None,
}

/// What the model is shown.
pub enum Credential {
    /// Sent as `x-api-key`.
    ApiKey(HeaderValue),
    /// Sent as `Authorization: Bearer`.
    OAuth(HeaderValue),
}

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither `anthropic` nor `scripted:FILE`.
    #[error("CAISSON_MODEL is \"anthropic\" or \"scripted:FILE\", not {0:?}")]
    Model(String),
    /// The script cannot be played.
    #[error("the model script cannot be used")]
    Script(#[source] json_file::Error),
    /// The prices cannot be used.
    #[error("the prices of models cannot be used")]
    Prices(#[source] json_file::Error),
    /// The base URL is not one.
    #[error("ANTHROPIC_BASE_URL must be an http or https URL without credentials, query or fragment")]
    BaseUrl,
    /// A credential is empty or has characters that no header can carry.
    #[error("{0} is empty or contains characters that a credential cannot have")]
    Credential(&'static str),
    /// The HTTP client could not be set up.
    #[error("the HTTP client for model and git servers could not be set up")]
    Client(#[source] reqwest::Error),
}

impl Settings {
    pub(super) fn upstream(&self) -> Result<Upstream, Error> {
        match self.model.as_deref().unwrap_or("anthropic") {
            "anthropic" => self.anthropic(),
            other => {
                let file = other.strip_prefix("scripted:").filter(|file| !file.is_empty());
                let file = file.ok_or_else(|| Error::Model(other.to_owned()))?;
                Ok(Upstream::Scripted(scripted::Player::load(Path::new(file)).map_err(Error::Script)?))
            }
        }
    }

    pub(super) fn github_token(&self) -> Result<Option<Secret>, Error> {
        let check = |token: &Secret| token_text("GITHUB_TOKEN", token).map(Secret::new);
        self.github_token.as_ref().map(check).transpose()
    }

    fn anthropic(&self) -> Result<Upstream, Error> {
        let base_url = self.base_url.as_deref().unwrap_or(ANTHROPIC);
        let base_url = parse_base_url(base_url).ok_or(Error::BaseUrl)?;
        let credential = match (&self.api_key, &self.oauth_token) {
            (Some(key), _) => Credential::ApiKey(header("ANTHROPIC_API_KEY", key, "")?),
            (None, Some(token)) => Credential::OAuth(header("CLAUDE_CODE_OAUTH_TOKEN", token, "Bearer ")?),
            (None, None) => return Ok(Upstream::None),
        };
        Ok(Upstream::Anthropic { base_url, credential })
    }
}

impl Upstream {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Anthropic { base_url, credential } => {
                let who = match base_url.as_str().trim_end_matches('/') {
                    ANTHROPIC => "Anthropic".to_owned(),
                    other => format!("Anthropic-compatible server at {other}"),
                };
                let what = match credential {
                    Credential::ApiKey(_) => "an API key",
                    Credential::OAuth(_) => "an OAuth token",
                };
                format!("{who} with {what}")
            }
            Self::Scripted(player) => format!("scripted: {}", player.file().display()),
            Self::None => "none: no model credential is set".to_owned(),
        }
    }

    /// What it is shown, with the setting it is from.
    pub(super) fn secret(&self) -> Option<(&'static str, Secret)> {
        let Self::Anthropic { credential, .. } = self else { return None };
        let (name, shown) = match credential {
            Credential::ApiKey(shown) => ("ANTHROPIC_API_KEY", shown),
            Credential::OAuth(shown) => ("CLAUDE_CODE_OAUTH_TOKEN", shown),
        };
        let shown = shown.to_str().unwrap_or_default();
        Some((name, Secret::new(shown.strip_prefix("Bearer ").unwrap_or(shown))))
    }

    /// What the upstream said, should it repeat the credential, without it.
    pub(super) fn without_credential(&self, said: &str) -> String {
        let Self::Anthropic { credential: Credential::ApiKey(shown) | Credential::OAuth(shown), .. } = self
        else {
            return said.to_owned();
        };
        let shown = shown.to_str().unwrap_or_default();
        said.replace(shown.strip_prefix("Bearer ").unwrap_or(shown), "[credential]")
    }
}

/// The credential without the white space that files end with.
fn token_text<'a>(setting: &'static str, secret: &'a Secret) -> Result<&'a str, Error> {
    let text = secret.expose().trim();
    let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then_some(text).ok_or(Error::Credential(setting))
}

/// A header value that is never printed.
fn header(setting: &'static str, secret: &Secret, prefix: &str) -> Result<HeaderValue, Error> {
    let text = token_text(setting, secret)?;
    let value = HeaderValue::from_str(&format!("{prefix}{text}"));
    let mut value = value.map_err(|_| Error::Credential(setting))?;
    value.set_sensitive(true);
    Ok(value)
}

fn parse_base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}

#[cfg(test)]
mod tests;
