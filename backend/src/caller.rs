//! Who makes a call, and what it may do. Every verb of the app takes one.

use std::{net::IpAddr, sync::Arc};

use api::{error::ApiError, role::Role};
use axum::http::Extensions;

/// Who makes a call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// How it proved who it is.
    pub proof: Proof,
    /// The name under which it acts, which is also the owner of what it makes: that of its token, or of the token that
    /// its session began with.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
    /// From where it calls; `None` on the server's own machine.
    pub address: Option<IpAddr>,
}

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// A program, by `Authorization: Bearer`.
    Token {
        /// The token's SHA-256.
        token: [u8; 32],
    },
    /// A browser, by its session cookie, which it sends along by itself.
    Session {
        /// The session's SHA-256.
        session: [u8; 32],
        /// The SHA-256 of the token that the session began with.
        token: [u8; 32],
    },
    /// The server itself, or its command line on the server's own machine.
    Server,
}

impl Caller {
    /// The server itself, and whoever can read its database.
    #[must_use]
    pub fn server() -> Self {
        Self { proof: Proof::Server, name: "server".into(), role: Role::Admin, address: None }
    }

    /// The caller that the authentication noted with the request.
    ///
    /// # Errors
    /// `Unauthenticated` when there is none: nothing behind the authentication is reached that way.
    pub fn known(request: &Extensions) -> Result<&Self, ApiError> {
        let why = "send `Authorization: Bearer TOKEN`, or sign in with POST /api/login";
        request.get().ok_or_else(|| ApiError::Unauthenticated { why: why.to_owned() })
    }

    /// What its idempotency keys and its limits belong to: its token, by hash.
    #[must_use]
    pub const fn token(&self) -> [u8; 32] {
        match self.proof {
            Proof::Token { token } | Proof::Session { token, .. } => token,
            Proof::Server => [0; 32],
        }
    }

    /// What it has shown: its token or its session, by hash.
    #[must_use]
    pub const fn shown(&self) -> [u8; 32] {
        match self.proof {
            Proof::Token { token } => token,
            Proof::Session { session, .. } => session,
            Proof::Server => [0; 32],
        }
    }

    /// Refuses a caller whose role is too weak.
    ///
    /// # Errors
    /// `Forbidden`, naming both roles.
    pub fn check(&self, needs: Role, action: &str) -> Result<(), ApiError> {
        if needs <= self.role {
            return Ok(());
        }
        let why = format!(
            "{action} needs the role {needs}, and this token has the role {role}: use another token, or make one with \
             `caisson token new --role {needs}`",
            role = self.role
        );
        Err(ApiError::Forbidden { why })
    }
}
