//! Whom the gateway is to one SSH server: its key, its user's name, and the keys the server may have.

use std::sync::Arc;

use russh::keys::{Algorithm, PrivateKey, PublicKey, decode_secret_key};
use url::Url;

use super::KnownHosts;

/// The user's name that hosting services use.
const USER: &str = "git";

/// Whom the gateway is to one SSH server.
pub(in crate::broker::git) struct Identity {
    pub(super) key: Arc<PrivateKey>,
    user: Option<String>,
    pub(super) hosts: KnownHosts,
}

impl Identity {
    /// Reads the key.
    ///
    /// # Errors
    /// In words that contain nothing of the key.
    pub(in crate::broker::git) fn new(
        key: &str,
        user: Option<String>,
        hosts: KnownHosts,
    ) -> Result<Self, String> {
        let unusable = || {
            "the SSH key cannot be read: it must be a private key of OpenSSH or in PEM, Ed25519, ECDSA or RSA"
                .to_owned()
        };
        if key.contains("ENCRYPTED") {
            return Err(passphrase());
        }
        // OpenSSH's own format says inside whether it is encrypted.
        let key = decode_secret_key(&format!("{}\n", key.trim()), None);
        let key = match key {
            Err(russh::keys::Error::KeyIsEncrypted) => return Err(passphrase()),
            key => key.map_err(|_| unusable())?,
        };
        if !matches!(key.algorithm(), Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. }) {
            return Err(unusable());
        }
        if user.as_deref().is_some_and(|user| !is_user(user)) {
            return Err("`user` is not the name of a user".to_owned());
        }
        Ok(Self { key: Arc::new(key), user, hosts })
    }

    /// The user's name for this repository.
    pub(super) fn user<'a>(&'a self, url: &'a Url) -> &'a str {
        match url.username() {
            "" => self.user.as_deref().unwrap_or(USER),
            user => user,
        }
    }

    /// Whether the server may have this key.
    pub(super) fn knows(&self, key: &PublicKey) -> bool {
        self.hosts.knows(key)
    }
}

fn passphrase() -> String {
    "the SSH key has a passphrase, which nobody could type here: use a key without one".to_owned()
}

/// A user's name that no command line could take for an option, as in repositories' URLs.
fn is_user(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !text.is_empty() && text.len() <= 64 && !text.starts_with('-') && text.bytes().all(word)
}

#[cfg(test)]
mod tests;
