//! Who the run's commits are by, and whether the keys that come along are keys.
//!
//! Memory only. No key is kept: the broker, outside of the container, signs for SSH remotes.

use std::sync::{Mutex, PoisonError};

use api::executor::InitGit;
use ssh_key::{HashAlg, PrivateKey, PublicKey};

/// A commit's author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    /// The name.
    pub(crate) name: String,
    /// The address.
    pub(crate) email: String,
}

/// The author, once it is known.
#[derive(Debug, Default)]
pub(crate) struct Identity(Mutex<Option<Author>>);

impl Identity {
    /// The author, if `POST /init-git` was called.
    pub(crate) fn author(&self) -> Option<Author> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the author.
    pub(crate) fn set(&self, author: Author) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(author);
    }
}

/// The author of a request and what to say about its keys.
///
/// # Errors
/// A sentence on what is wrong; never a part of a key.
pub(crate) fn check(request: &InitGit) -> Result<(Author, String), &'static str> {
    let (name, email) = (request.github_username.trim(), request.email.trim());
    // Git cuts these out of names by itself, and then the commit is by somebody else.
    let broken = |text: &str| text.is_empty() || text.contains(['<', '>', '\n', '\0']);
    if broken(name) {
        return Err("githubUsername: must not be blank or hold < > or line ends");
    }
    if broken(email) || !email.contains('@') {
        return Err("email: not an address");
    }
    let keys = check_keys(request.ssh_private_key.as_deref(), request.ssh_public_key.as_deref())?;
    Ok((Author { name: name.to_owned(), email: email.to_owned() }, keys))
}

fn check_keys(private: Option<&str>, public: Option<&str>) -> Result<String, &'static str> {
    let private = private.map(PrivateKey::from_openssh).transpose();
    let private = private.map_err(|_| "sshPrivateKey: not a private key in OpenSSH format")?;
    let public = public.map(PublicKey::from_openssh).transpose();
    let public = public.map_err(|_| "sshPublicKey: not a public key in OpenSSH format")?;
    if private.as_ref().is_some_and(PrivateKey::is_encrypted) {
        return Err("sshPrivateKey: is protected by a passphrase, which nobody here can give");
    }
    match (&private, &public) {
        (Some(private), Some(public)) if private.public_key().key_data() != public.key_data() => {
            Err("sshPublicKey: is not the public half of sshPrivateKey")
        }
        (Some(_), Some(public)) => Ok(format!("key {} checked", public.fingerprint(HashAlg::Sha256))),
        (Some(private), None) => Ok(format!("key {} checked", private.fingerprint(HashAlg::Sha256))),
        (None, Some(_)) => Err("sshPrivateKey: missing, only its public half was given"),
        (None, None) => Ok("no SSH key".to_owned()),
    }
}
