//! Idempotency keys: each belongs to its caller and remembers what was asked with it.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Error;
use crate::hex;

/// A key with which something is made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceKey {
    /// As it is stored: with whose it is.
    name: String,
    /// What was asked, as a hash; `None` for the server's own, which say it themselves.
    asked: Option<String>,
}

impl OnceKey {
    /// A key of a caller, who is known by the hash of its token. The same key of another caller is another one.
    pub fn of_caller(caller: &[u8; 32], key: &str, asked: &impl Serialize) -> Self {
        // What cannot be written as JSON did not come as JSON.
        let asked = serde_json::to_vec(asked).unwrap_or_default();
        Self {
            name: format!("caller-{}:{key}", hex::encode(&caller[..16])),
            asked: Some(hex::encode(&Sha256::digest(asked))),
        }
    }

    /// One of the server's own. No caller's begins like it.
    #[must_use]
    pub fn own(name: String) -> Self {
        Self { name, asked: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn asked(&self) -> Option<&str> {
        self.asked.as_deref()
    }

    /// Refuses the key for anything but what was asked with it at first.
    pub(super) fn check(&self, asked: Option<&str>) -> Result<(), Error> {
        if self.asked() == asked { Ok(()) } else { Err(Error::OtherRequest) }
    }
}
