//! The CLI's file of credentials: read, and written back as a whole with everything that is not ours kept.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use api::Timestamp;
use axum::http::HeaderValue;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{Error, renewal::Renewed};

const NAME: &str = ".credentials.json";
/// Where the login is in it.
const LOGIN: &str = "claudeAiOauth";
/// More is no file of credentials.
const LARGEST: u64 = 1 << 20;

/// `.credentials.json` in the CLI's folder.
pub(super) struct CredentialsFile(PathBuf);

/// What is in it.
#[derive(Clone)]
pub(super) struct Tokens {
    /// The whole file.
    all: Value,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl CredentialsFile {
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.join(NAME))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.parent().unwrap_or_else(|| Path::new("."))
    }

    /// Reads it.
    pub(super) fn read(&self) -> Result<Tokens, Error> {
        let ended = |why: &str| Error::LoggedOut(format!("cannot be used, {} {why}", self.0.display()));
        let about = fs::metadata(&self.0).map_err(|error| ended(&format!("cannot be read ({error})")))?;
        if LARGEST < about.len() {
            return Err(ended("is too large"));
        }
        let bytes = fs::read(&self.0).map_err(|error| ended(&format!("cannot be read ({error})")))?;
        let all = serde_json::from_slice(&bytes).map_err(|_| ended("is not JSON"))?;
        let tokens = Tokens { all };
        tokens.bearer().map_err(|_| ended("holds no login"))?;
        Ok(tokens)
    }

    /// An empty file beside it, only for its owner: proof that it can be replaced.
    pub(super) fn draft(&self) -> Result<NamedTempFile, Error> {
        let failed = |error: io::Error| {
            Error::Unavailable(format!("{} cannot be replaced: {error}", self.0.display()))
        };
        // Behind a link there is the file to replace, not the link.
        let real = self.0.canonicalize().map_err(failed)?;
        let folder = real.parent().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let draft = tempfile::Builder::new().prefix(".credentials.").tempfile_in(folder).map_err(failed)?;
        let about = fs::metadata(&real).map_err(failed)?;
        let file = draft.as_file();
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let own = file.metadata().map_err(failed)?;
        if (own.uid(), own.gid()) != (about.uid(), about.gid()) {
            // A server that is root must not take the file from its owner.
            std::os::unix::fs::fchown(file, Some(about.uid()), Some(about.gid())).map_err(failed)?;
        }
        Ok(draft)
    }

    /// Puts the draft in its place, with this in it.
    pub(super) fn write(&self, mut draft: NamedTempFile, tokens: &Tokens) -> Result<(), Error> {
        let failed =
            |error: io::Error| Error::Unavailable(format!("{} cannot be written: {error}", self.0.display()));
        let real = self.0.canonicalize().map_err(failed)?;
        draft.write_all(tokens.all.to_string().as_bytes()).map_err(failed)?;
        draft.as_file().sync_all().map_err(failed)?;
        draft.persist(real).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

impl Tokens {
    fn login(&self) -> &Value {
        &self.all[LOGIN]
    }

    /// The header to show.
    pub(super) fn bearer(&self) -> Result<HeaderValue, Error> {
        let token = self.login()["accessToken"].as_str().filter(|token| !token.is_empty());
        let header = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
        let mut header = header.ok_or_else(|| Error::LoggedOut("holds no token".to_owned()))?;
        header.set_sensitive(true);
        Ok(header)
    }

    pub(super) fn refresh_token(&self) -> Option<&str> {
        self.login()["refreshToken"].as_str().filter(|token| !token.is_empty())
    }

    /// The client it was made for, where that is not the CLI itself.
    pub(super) fn client_id(&self) -> Option<&str> {
        self.login()["clientId"].as_str()
    }

    pub(super) fn scopes(&self) -> String {
        let scopes = self.login()["scopes"].as_array();
        let scopes = scopes.into_iter().flatten().filter_map(Value::as_str);
        scopes.collect::<Vec<_>>().join(" ")
    }

    /// Whether it expires so soon. One that does not say when never does.
    pub(super) fn expires_within(&self, time: Duration) -> bool {
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let now = Timestamp::now().as_millisecond();
        self.login()["expiresAt"].as_i64().is_some_and(|at| at <= now.saturating_add(time))
    }

    /// Its secret texts.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        ["accessToken", "refreshToken"].into_iter().filter_map(|name| self.login()[name].as_str())
    }

    /// The same with new tokens.
    pub(super) fn renewed(&self, renewed: &Renewed) -> Self {
        let mut all = self.all.clone();
        let login = &mut all[LOGIN];
        login["accessToken"] = json!(renewed.access_token);
        login["expiresAt"] = json!(Timestamp::now().as_millisecond().saturating_add(renewed.lasts_millis()));
        if let Some(token) = &renewed.refresh_token {
            login["refreshToken"] = json!(token);
        }
        if let Some(scope) = &renewed.scope {
            login["scopes"] = json!(scope.split_ascii_whitespace().collect::<Vec<_>>());
        }
        Self { all }
    }
}
