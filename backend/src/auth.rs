//! Who is calling: API tokens for programs, sessions for browsers.
//!
//! Both are 32 random bytes; the store knows only their SHA-256, so a copy of the database opens
//! nothing, and looking a hash up tells an attacker nothing through its timing.

use api::{Timestamp, audit::AuditEntry, id::AuditId};
use sha2::{Digest, Sha256};

use crate::{
    hex,
    secret::Secret,
    store::{self, Store, StoredToken},
};

mod attempts;
mod cookie;
mod gate;
mod live;
mod login;
mod sessions;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    attempts::ATTEMPTS,
    gate::{Gate, Identity, authenticate, caller},
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

/// Why the first token could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token that was given is too easy to guess.
    #[error("the admin token {0}")]
    Weak(#[from] Weak),
    /// The store failed.
    #[error("cannot store the admin token")]
    Store(#[from] store::Error),
}

/// The name of the token that the settings give, or that the first start makes.
pub(crate) const ADMIN: &str = "admin";

/// Sees to it that there is a token to sign in with: the given one, which takes the place of the one before, or at
/// the very first start a new one, which is returned to be shown once.
///
/// # Errors
/// When the given token is weak or the store fails.
pub async fn first_start(store: &Store, given: Option<&Secret>) -> Result<Option<Secret>, Error> {
    if let Some(token) = given {
        check_strength(token)?;
        let hash = hash(token);
        let known = store.token_list().await?.into_iter().any(|it| it.hash == hash && it.name == ADMIN);
        let replaced = store.token_replace(ADMIN, hash).await?;
        if replaced != 0 {
            tracing::info!("the admin token was changed: the one before and its sessions have ended");
            note(store, "token.replace", ADMIN).await?;
        } else if !known {
            note(store, "token.new", ADMIN).await?;
        }
        return Ok(None);
    }
    if store.token_count().await? != 0 {
        return Ok(None);
    }
    Ok(Some(new_token(store, ADMIN, None).await?))
}

/// Makes a token. Only its hash is stored, so this is the one time it can be shown.
///
/// # Errors
/// When the store fails.
pub(crate) async fn new_token(
    store: &Store,
    name: &str,
    expires_at: Option<Timestamp>,
) -> Result<Secret, store::Error> {
    let token = Secret::new(format!("caisson_{}", random()));
    // First, so that none is there of which nobody is told.
    note(store, "token.new", name).await?;
    store.token_insert(name, hash(&token), expires_at).await?;
    Ok(token)
}

/// Forgets a token and ends its sessions.
///
/// # Errors
/// When the store fails.
pub(crate) async fn revoke_token(store: &Store, token: &StoredToken) -> Result<(), store::Error> {
    store.token_delete(token.hash).await?;
    note(store, "token.revoke", &token.name).await
}

/// What a token is called where its hash would be too long: the beginning of that.
pub(crate) fn token_id(hash: &[u8; 32]) -> String {
    hex::encode(&hash[..6])
}

/// Notes in the audit log what was done on the server's own machine.
async fn note(store: &Store, action: &str, name: &str) -> Result<(), store::Error> {
    let entry = AuditEntry {
        id: AuditId::mint(),
        at: Timestamp::now(),
        actor: "server".to_owned(),
        origin: None,
        action: action.to_owned(),
        target: Some(name.to_owned()),
        ok: true,
        error: None,
    };
    store.audit_insert(&[entry]).await
}

/// Refuses a token that could be guessed, or that no HTTP header can carry.
pub(crate) fn check_strength(token: &Secret) -> Result<(), Weak> {
    let token = token.expose();
    let carried = token.bytes().all(|byte| byte.is_ascii_graphic());
    if SHORTEST <= token.len() && carried { Ok(()) } else { Err(Weak) }
}

/// What the store keeps of a token or a session.
fn hash(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.expose()).into()
}

/// 32 bytes nobody can guess, in hex.
fn random() -> String {
    hex::encode(&rand::random::<[u8; 32]>())
}
