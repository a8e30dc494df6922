//! What the operator gives the broker, and what it makes of it.

use std::path::{Path, PathBuf};

use axum::http::HeaderValue;
use url::Url;

use super::{json_file, login, login::Login, plain::is_exposed, redact::Redactor, scripted};
use crate::{secret::Secret, tasks::Tasks};

const ANTHROPIC: &str = "https://api.anthropic.com";
/// Where the CLI renews its login.
const TOKEN_URL: &str = "https://platform.claude.com/v1/oauth/token";

/// The broker's settings, as the operator wrote them.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `CAISSON_MODEL`: `anthropic` (the default) or `scripted:FILE`.
    pub model: Option<String>,
    /// `ANTHROPIC_API_KEY`; goes before the OAuth token.
    pub api_key: Option<Secret>,
    /// `CLAUDE_CODE_OAUTH_TOKEN`.
    pub oauth_token: Option<Secret>,
    /// `CAISSON_CLAUDE_LOGIN`: the folder of the CLI's login; used when there is neither of the two.
    pub claude_login: Option<PathBuf>,
    /// `CAISSON_CLAUDE_LOGIN_TOKEN_URL`: where that login is renewed.
    pub claude_login_token_url: Option<Url>,
    /// `ANTHROPIC_BASE_URL`.
    pub base_url: Option<String>,
    /// `GITHUB_TOKEN`; used for github.com only.
    pub github_token: Option<Secret>,
    /// `CAISSON_GIT_CREDENTIALS`: credentials of git servers.
    pub git_credentials: Option<PathBuf>,
    /// `CAISSON_GIT_PRIVATE`: git servers on loopback and private addresses.
    pub git_private: Vec<super::Named>,
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
        /// What asks there.
        client: reqwest::Client,
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
    /// The login of the host's CLI: sent as an OAuth token, and renewed.
    Login(Login),
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
    /// The login of the host's CLI cannot be used.
    #[error("CAISSON_CLAUDE_LOGIN cannot be used")]
    Login(#[source] login::Error),
    /// The git credentials cannot be used.
    #[error("CAISSON_GIT_CREDENTIALS cannot be used")]
    Git(#[source] super::git::Error),
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

/// What speaks HTTP to the model's servers.
#[derive(Default)]
pub(super) struct Clients {
    /// Over the proxies of the environment.
    pub(super) proxied: reqwest::Client,
    /// Without one.
    pub(super) direct: reqwest::Client,
}

impl Clients {
    /// The one for this address. What is sent in clear is never shown to a proxy.
    fn of(&self, url: &Url) -> &reqwest::Client {
        if url.scheme() == "https" { &self.proxied } else { &self.direct }
    }
}

impl Settings {
    pub(super) fn upstream(&self, clients: &Clients, tasks: &Tasks) -> Result<Upstream, Error> {
        match self.model.as_deref().unwrap_or("anthropic") {
            "anthropic" => self.anthropic(clients, tasks),
            other => {
                let file = other.strip_prefix("scripted:").filter(|file| !file.is_empty());
                let file = file.ok_or_else(|| Error::Model(other.to_owned()))?;
                Ok(Upstream::Scripted(scripted::Player::load(Path::new(file)).map_err(Error::Script)?))
            }
        }
    }

    pub(super) fn git(&self) -> Result<super::git::Credentials, Error> {
        let github = self.github_token.as_ref().map(|token| token_text("GITHUB_TOKEN", token)).transpose()?;
        super::git::Credentials::load(self.git_credentials.as_deref(), github).map_err(Error::Git)
    }

    fn anthropic(&self, clients: &Clients, tasks: &Tasks) -> Result<Upstream, Error> {
        let base_url = self.base_url.as_deref().unwrap_or(ANTHROPIC);
        let base_url = parse_base_url(base_url).ok_or(Error::BaseUrl)?;
        let credential = match (&self.api_key, &self.oauth_token, &self.claude_login) {
            (Some(key), ..) => Credential::ApiKey(header("ANTHROPIC_API_KEY", key, "")?),
            (None, Some(token), _) => Credential::OAuth(header("CLAUDE_CODE_OAUTH_TOKEN", token, "Bearer ")?),
            (None, None, Some(folder)) => Credential::Login(self.login(folder, clients, tasks)?),
            (None, None, None) => return Ok(Upstream::None),
        };
        let client = clients.of(&base_url).clone();
        Ok(Upstream::Anthropic { base_url, credential, client })
    }

    fn login(&self, folder: &Path, clients: &Clients, tasks: &Tasks) -> Result<Login, Error> {
        let token_url = match &self.claude_login_token_url {
            Some(url) => url.clone(),
            None => Url::parse(TOKEN_URL).map_err(|_| Error::BaseUrl)?,
        };
        let client = clients.of(&token_url).clone();
        Login::open(folder, token_url, client, tasks.clone()).map_err(Error::Login)
    }
}

impl Upstream {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Anthropic { base_url, credential, .. } => {
                let who = match base_url.as_str().trim_end_matches('/') {
                    ANTHROPIC => "Anthropic".to_owned(),
                    other => format!("Anthropic-compatible server at {other}"),
                };
                let what = match credential {
                    Credential::ApiKey(_) => "an API key",
                    Credential::OAuth(_) => "an OAuth token",
                    Credential::Login(_) => "the login of the host's CLI",
                };
                let clear = match self.is_exposed() {
                    true => {
                        ", which everybody on the way there can read, because CAISSON_INSECURE_MODEL allows it; \
                             an https:// address shuts that"
                    }
                    false => "",
                };
                format!("{who} with {what}{clear}")
            }
            Self::Scripted(player) => format!("scripted: {}", player.file().display()),
            Self::None => "none: no model credential is set".to_owned(),
        }
    }

    /// Whether what it is shown can be read on the way.
    pub(super) fn is_exposed(&self) -> bool {
        let Self::Anthropic { base_url, credential, .. } = self else { return false };
        let renewed_at = match credential {
            Credential::Login(login) => Some(login.token_url()),
            Credential::ApiKey(_) | Credential::OAuth(_) => None,
        };
        is_exposed(base_url) || renewed_at.is_some_and(is_exposed)
    }

    /// What it is shown, with the setting it is from.
    pub(super) fn secrets(&self) -> Vec<(&'static str, Secret)> {
        match self {
            Self::Anthropic { credential, .. } => credential.secrets(),
            Self::Scripted(_) | Self::None => Vec::new(),
        }
    }

    /// Takes out of an answer what it repeats of the credential.
    pub(super) fn redactor(&self) -> Redactor {
        match self {
            Self::Anthropic { credential, .. } => credential.redactor(),
            Self::Scripted(_) | Self::None => Redactor::default(),
        }
    }
}

impl Credential {
    /// What it is made of, with the setting it is from.
    fn secrets(&self) -> Vec<(&'static str, Secret)> {
        let of_header = |header: &HeaderValue, prefix: &str| {
            let text = header.to_str().unwrap_or_default();
            Secret::new(text.strip_prefix(prefix).unwrap_or(text))
        };
        match self {
            Self::ApiKey(key) => vec![("ANTHROPIC_API_KEY", of_header(key, ""))],
            Self::OAuth(bearer) => vec![("CLAUDE_CODE_OAUTH_TOKEN", of_header(bearer, "Bearer "))],
            Self::Login(login) => {
                login.secrets().into_iter().map(|secret| ("CAISSON_CLAUDE_LOGIN", secret)).collect()
            }
        }
    }

    /// Takes out of an answer what it repeats of it.
    pub(super) fn redactor(&self) -> Redactor {
        Redactor::new(self.secrets().iter().map(|(_, secret)| secret.expose()))
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
