//! Tokens: made, listed and revoked on the server's own machine, over its database alone.

use api::{Timestamp, role::Role};

use super::verbs::Verb;
use crate::{
    audit,
    auth::{Weak, check_strength, hash, random_token},
    caller::Caller,
    secret::Secret,
    store::{self, Store, StoredToken},
};

/// The name of the token that the settings give, or that the first start makes.
pub(crate) const ADMIN: &str = "admin";

/// Why a verb about tokens failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token that was given is too easy to guess.
    #[error("the admin token {0}")]
    Weak(#[from] Weak),
    /// The caller may not do this.
    #[error(transparent)]
    Refused(#[from] api::error::ApiError),
    /// The store failed.
    #[error("tokens cannot be read or written: {0}")]
    Store(#[from] store::Error),
}

/// Makes sure that there is a token to sign in with: the given one, which replaces the one before, or at the very
/// first start a new one, which is returned to be shown once.
///
/// # Errors
/// `Weak` for the given token, or the store's.
pub(crate) async fn first_start(store: &Store, given: Option<&Secret>) -> Result<Option<Secret>, Error> {
    let server = Caller::server();
    if let Some(token) = given {
        check_strength(token)?;
        let hash = hash(token);
        let known = store.token_list().await?.into_iter().any(|it| it.hash == hash && it.name == ADMIN);
        let replaced = store.token_replace(ADMIN, hash).await?;
        if replaced != 0 {
            tracing::info!("the admin token was changed: the one before and its sessions have ended");
            note(store, &server, "token.replace", ADMIN).await?;
        } else if !known {
            note(store, &server, "token.new", ADMIN).await?;
        }
        return Ok(None);
    }
    if store.token_count().await? != 0 {
        return Ok(None);
    }
    Ok(Some(create(store, &server, ADMIN, Role::Admin, None).await?))
}

/// Makes a token. Only its hash is stored, so this is the one time it can be shown.
///
/// # Errors
/// `Refused`, or the store's.
pub(crate) async fn create(
    store: &Store,
    caller: &Caller,
    name: &str,
    role: Role,
    expires_at: Option<Timestamp>,
) -> Result<Secret, Error> {
    Verb::TokensNew.check(caller)?;
    let token = random_token();
    // First, so that no token exists that the audit log does not know.
    note(store, caller, "token.new", name).await?;
    store.token_insert(name, role, hash(&token), expires_at).await?;
    Ok(token)
}

/// Every token, oldest first; those that have expired too.
///
/// # Errors
/// `Refused`, or the store's.
pub(crate) async fn list(store: &Store, caller: &Caller) -> Result<Vec<StoredToken>, Error> {
    Verb::TokensList.check(caller)?;
    Ok(store.token_list().await?)
}

/// Removes a token and ends its sessions.
///
/// # Errors
/// `Refused`, or the store's.
pub(crate) async fn revoke(store: &Store, caller: &Caller, token: &StoredToken) -> Result<(), Error> {
    Verb::TokensRevoke.check(caller)?;
    store.token_delete(token.hash).await?;
    note(store, caller, "token.revoke", &token.name).await
}

async fn note(store: &Store, caller: &Caller, action: &str, name: &str) -> Result<(), Error> {
    let entry = audit::entry(Some(caller), action, Some(name.to_owned()), Ok(()));
    Ok(store.audit_insert(&[entry]).await?)
}

#[cfg(test)]
mod tests;
