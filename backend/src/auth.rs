//! Who is calling: API tokens for programs, sessions for browsers.
//!
//! Both are 32 random bytes; the store knows only their SHA-256, so a copy of the database opens
//! nothing, and looking a hash up tells an attacker nothing through its timing.

use sha2::{Digest, Sha256};

use crate::{hex, secret::Secret};

mod attempts;
mod cookie;
mod gate;
mod live;
mod login;
mod sessions;

pub(crate) use self::{
    attempts::ATTEMPTS,
    gate::{Gate, authenticate},
    login::{login, logout, session},
};

/// A token someone chose must be at least this long. Ours have 72 characters.
const SHORTEST: usize = 16;

/// Why a token someone chose is refused.
#[derive(Debug, thiserror::Error)]
#[error(
    "must have at least {SHORTEST} characters, no spaces and nothing beyond ASCII; \
     `openssl rand -hex 32` makes a good one"
)]
pub struct Weak;

/// What a token is called where its hash would be too long: the beginning of that.
pub(crate) fn token_id(hash: &[u8; 32]) -> String {
    hex::encode(&hash[..6])
}

/// Refuses a token that could be guessed, or that no HTTP header can carry.
pub(crate) fn check_strength(token: &Secret) -> Result<(), Weak> {
    let token = token.expose();
    let carried = token.bytes().all(|byte| byte.is_ascii_graphic());
    if SHORTEST <= token.len() && carried { Ok(()) } else { Err(Weak) }
}

/// What the store keeps of a token or a session.
pub(crate) fn hash(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose()).into()
}

/// A new token.
pub(crate) fn random_token() -> Secret {
    Secret::new(format!("caisson_{}", random()))
}

/// 32 bytes nobody can guess, in hex.
fn random() -> String {
    hex::encode(&rand::random::<[u8; 32]>())
}
