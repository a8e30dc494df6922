//! The git credentials of the operator, and which of them is for a repository: one host's is never shown
//! to another, and never in clear beyond this machine.

mod file;

use std::{path::Path, sync::Arc};

use axum::http::HeaderValue;
use base64::{Engine, prelude::BASE64_STANDARD};
use url::Url;

pub use self::file::Error;
use super::{ssh::Identity, way::Named};
use crate::{
    broker::{plain::is_exposed, redact::Redactor},
    secret::Secret,
};

/// What the gateway may show, and to whom.
#[derive(Default)]
pub(in crate::broker) struct Credentials(Vec<Entry>);

struct Entry {
    host: String,
    port: u16,
    how: How,
}

enum How {
    /// An `Authorization` header, over HTTPS.
    Https(Basic),
    /// A key, over SSH.
    Ssh(Arc<Identity>),
}

/// A user's name and password, as HTTP shows them.
struct Basic {
    header: HeaderValue,
    password: Secret,
}

impl Basic {
    /// `None` when no header can carry it.
    fn new(username: &str, password: &str) -> Option<Self> {
        let shown = BASE64_STANDARD.encode(format!("{username}:{password}"));
        let mut header = HeaderValue::from_str(&format!("Basic {shown}")).ok()?;
        header.set_sensitive(true);
        Some(Self { header, password: Secret::new(password) })
    }

    /// A token; this user's name is what GitHub wants, and the others take any.
    fn of_token(token: &str) -> Option<Self> {
        Self::new("x-access-token", token)
    }
}

impl How {
    const fn default_port(&self) -> u16 {
        match self {
            Self::Https(_) => 443,
            Self::Ssh(_) => 22,
        }
    }
}

impl Credentials {
    /// Reads the file, if there is one, and adds the token for github.com.
    ///
    /// # Errors
    /// Names the entry that cannot be used and why; never contains a credential.
    pub(in crate::broker) fn load(file: Option<&Path>, github: Option<&str>) -> Result<Self, Error> {
        let mut all = match file {
            Some(file) => file::load(file)?,
            None => Self::default(),
        };
        if let Some(how) = github.and_then(Basic::of_token).map(How::Https) {
            let entry = Entry { host: "github.com".to_owned(), port: how.default_port(), how };
            if all.find(&entry.host, entry.port, false).is_some() {
                return Err(Error::GithubTwice);
            }
            all.0.push(entry);
        }
        Ok(all)
    }

    /// What an HTTP request for this repository shows: over https only, or to this machine itself.
    pub(super) fn authorization(&self, url: &Url) -> Option<&HeaderValue> {
        if is_exposed(url) {
            return None;
        }
        match &self.find(url.host_str()?, url.port_or_known_default()?, false)?.how {
            How::Https(basic) => Some(&basic.header),
            How::Ssh(_) => None,
        }
    }

    /// Whom the gateway is to the SSH server of this repository.
    pub(super) fn identity(&self, url: &Url) -> Option<Arc<Identity>> {
        let host = url.host_str().filter(|_| url.scheme() == "ssh")?;
        match &self.find(host, url.port().unwrap_or(22), true)?.how {
            How::Ssh(identity) => Some(Arc::clone(identity)),
            How::Https(_) => None,
        }
    }

    /// Whether there is a key for the SSH server of this repository.
    pub(in crate::broker) fn has_identity(&self, url: &Url) -> bool {
        self.identity(url).is_some()
    }

    /// The hosts there is a credential for.
    pub(in crate::broker) fn hosts(&self) -> impl Iterator<Item = Named> {
        self.0.iter().filter_map(|entry| Named::of(&entry.host, entry.port))
    }

    /// What is shown to servers; a key is shown to none.
    pub(in crate::broker) fn secrets(&self) -> Vec<Secret> {
        let shown = |entry: &Entry| match &entry.how {
            How::Https(basic) => {
                let header = basic.header.to_str().unwrap_or_default();
                vec![basic.password.clone(), Secret::new(header.trim_start_matches("Basic "))]
            }
            How::Ssh(_) => Vec::new(),
        };
        self.0.iter().flat_map(shown).collect()
    }

    /// Takes out of an answer what it repeats of them.
    pub(super) fn redactor(&self) -> Redactor {
        Redactor::new(self.secrets().iter().map(Secret::expose))
    }

    fn find(&self, host: &str, port: u16, by_ssh: bool) -> Option<&Entry> {
        self.0.iter().find(|entry| {
            entry.host.eq_ignore_ascii_case(host)
                && entry.port == port
                && matches!(entry.how, How::Ssh(_)) == by_ssh
        })
    }

    fn add(&mut self, entry: Entry) -> Result<(), &'static str> {
        let by_ssh = matches!(entry.how, How::Ssh(_));
        if self.find(&entry.host, entry.port, by_ssh).is_some() {
            return Err("this host has such a credential already");
        }
        self.0.push(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
