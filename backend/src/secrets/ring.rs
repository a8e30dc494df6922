//! The key ring: the newest key seals, all of them open.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose};
use zeroize::Zeroizing;

use super::cipher::{Key, Sealed};
use crate::{hex, secret::Secret};

/// The most keys a ring may have.
const MAX_KEYS: usize = 100;

/// Why the setting holds no keys.
#[derive(Debug, thiserror::Error)]
#[error(
    "line {line} is not a key: write 32 random bytes in base64 or hex, one key a line, the newest first; \
     `openssl rand -base64 32` makes one"
)]
pub struct MalformedKeys {
    /// The line, from 1.
    pub line: usize,
}

/// Why something that was sealed cannot be opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// The key is not there.
    #[error(
        "it was sealed with key {key_id}, which is not among the server's keys: add it as a further line to \
         CAISSON_SECRETS_KEY_FILE (or CAISSON_SECRETS_KEY), or store the value again"
    )]
    NoKey {
        /// The key's public name.
        key_id: String,
    },
    /// The key is there, but what was stored is not as it was.
    #[error("what is stored of it was damaged or put in another's place: store the value again")]
    Damaged,
    /// It could not be sealed.
    #[error("it could not be sealed")]
    Sealing,
}

/// The keys of this server, newest first. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyRing(Arc<[Key]>);

impl KeyRing {
    /// The keys that were given, newest first, and the one that is there without any being given: what was
    /// sealed before an operator gave keys can still be opened.
    #[must_use]
    pub fn new(given: &[Key], derived: Key) -> Self {
        Self(given.iter().cloned().chain([derived]).collect())
    }

    /// Seals a text with the newest key. `label` says what it is.
    ///
    /// # Errors
    /// `Sealing`, which cannot happen for texts of the sizes we take.
    pub fn seal(&self, label: &str, text: &str) -> Result<Sealed, Unopened> {
        self.0.first().and_then(|key| key.seal(label, text)).ok_or(Unopened::Sealing)
    }

    /// Opens what was sealed under this label.
    ///
    /// # Errors
    /// `NoKey` or `Damaged`.
    pub fn open(&self, label: &str, sealed: &Sealed) -> Result<Secret, Unopened> {
        let mut known = self.0.iter().filter(|key| key.id() == sealed.key_id).peekable();
        if known.peek().is_none() {
            return Err(Unopened::NoKey { key_id: sealed.key_id.clone() });
        }
        let text = known.find_map(|key| key.open(label, sealed)).ok_or(Unopened::Damaged)?;
        std::str::from_utf8(&text).map(Secret::new).map_err(|_| Unopened::Damaged)
    }

    /// Whether this was sealed with the newest key.
    #[must_use]
    pub fn is_newest(&self, sealed: &Sealed) -> bool {
        self.0.first().is_some_and(|key| key.id() == sealed.key_id)
    }
}

/// Keys as an operator writes them: one a line, newest first; empty lines and those that begin with `#` are none.
///
/// # Errors
/// Names the line that is no key, and nothing of what it holds.
pub fn read_keys(text: &str) -> Result<Vec<Key>, MalformedKeys> {
    let lines = text.lines().map(str::trim).zip(1..);
    let keys = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<Key> = keys
        .map(|(line, number)| read_key(line).map(Key::new).ok_or(MalformedKeys { line: number }))
        .collect::<Result<_, _>>()?;
    if MAX_KEYS < keys.len() { Err(MalformedKeys { line: MAX_KEYS + 1 }) } else { Ok(keys) }
}

/// 64 hexadecimal digits, or base64 of any kind.
fn read_key(line: &str) -> Option<Zeroizing<[u8; 32]>> {
    if let Some(bytes) = hex::decode(line) {
        return Some(Zeroizing::new(bytes));
    }
    let text = line.trim_end_matches('=');
    let engines = [general_purpose::STANDARD_NO_PAD, general_purpose::URL_SAFE_NO_PAD];
    let bytes = engines.iter().find_map(|engine| engine.decode(text).ok()).map(Zeroizing::new)?;
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}
