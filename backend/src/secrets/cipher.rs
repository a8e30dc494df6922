//! The cipher: XChaCha20-Poly1305. A random nonce of 24 bytes never meets itself again.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::hex;

/// The length of a nonce, in bytes.
const NONCE: usize = 24;
/// How many hexadecimal digits name a key.
const ID: usize = 8;

/// A key of 32 bytes. Its bytes are overwritten when it is dropped, and never shown.
#[derive(Clone)]
pub struct Key {
    id: String,
    bytes: Zeroizing<[u8; 32]>,
}

/// What is stored of a secret: worth nothing without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key opens it.
    pub key_id: String,
    /// The nonce, then the ciphertext with its tag.
    pub bytes: Vec<u8>,
}

impl Key {
    /// The key of these bytes.
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let hash = Sha256::new().chain_update(b"caisson key id ").chain_update(bytes.as_slice()).finalize();
        let mut id = hex::encode(&hash);
        id.truncate(ID);
        Self { id, bytes }
    }

    /// The key's public name: a part of its hash.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a text; `label` says what it is, and only that can be opened.
    pub(super) fn seal(&self, label: &str, text: &str) -> Option<Sealed> {
        let nonce: [u8; NONCE] = rand::random();
        let aad = self.bound_to(label);
        let payload = Payload { msg: text.as_bytes(), aad: aad.as_bytes() };
        let mut bytes = nonce.to_vec();
        bytes.extend(self.cipher().encrypt(&XNonce::from(nonce), payload).ok()?);
        Some(Sealed { key_id: self.id.clone(), bytes })
    }

    /// Opens what this key has sealed under the same label; `None` when anything of it is not as it was.
    pub(super) fn open(&self, label: &str, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.bytes.split_first_chunk::<NONCE>()?;
        let aad = self.bound_to(label);
        let payload = Payload { msg: ciphertext, aad: aad.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.bytes).into())
    }

    /// The key's name has a fixed length, so that no two pairs make the same text.
    fn bound_to(&self, label: &str) -> String {
        format!("caisson {} {label}", self.id)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {} bytes)", self.key_id, self.bytes.len())
    }
}
