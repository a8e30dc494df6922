//! The gate: lets a request in that carries a known token or a live session.

use std::{net::IpAddr, sync::Arc};

use api::{Timestamp, error::ApiError};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};

use super::{attempts::Attempts, cookie, hash};
use crate::{
    config::Http,
    secret::Secret,
    server::{Client, guard, refuse},
    store::{self, Store},
};

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A program, by `Authorization: Bearer`.
    Token,
    /// A browser, by its session cookie, which it sends along by itself.
    Session,
}

/// Checks tokens and sessions against the store.
pub(crate) struct Gate {
    pub(super) store: Store,
    pub(super) secure_cookies: bool,
    attempts: Attempts,
}

impl Gate {
    pub(crate) fn new(store: Store, http: &Http) -> Self {
        let attempts = Attempts::new(http.login_attempts);
        Self { store, secure_cookies: http.trusted_proxy, attempts }
    }

    /// Whether this is one of our tokens. Every wrong one counts against the address.
    pub(super) async fn check_token(&self, token: &Secret, address: IpAddr) -> Result<(), ApiError> {
        self.attempts.check(address)?;
        if self.store.token_exists(hash(token)).await.map_err(unavailable)? {
            return Ok(());
        }
        self.attempts.wrong(address);
        tracing::warn!("a wrong token was refused");
        let why = "this token is not known: take the one that the first start showed, or make one with \
                   `caisson token new`";
        Err(ApiError::Unauthenticated { why: why.to_owned() })
    }

    async fn admit(&self, headers: &HeaderMap, address: IpAddr) -> Result<Caller, ApiError> {
        if let Some(token) = bearer(headers) {
            return self.check_token(&token, address).await.map(|()| Caller::Token);
        }
        let Some(session) = cookie::find(headers) else {
            let why = "send `Authorization: Bearer TOKEN`, or sign in with POST /api/login";
            return Err(ApiError::Unauthenticated { why: why.to_owned() });
        };
        // Not counted: a stale tab is not a guess, and a session is too long to be guessed.
        match self.store.session_exists(hash(&session), Timestamp::now()).await.map_err(unavailable)? {
            true => Ok(Caller::Session),
            false => {
                Err(ApiError::Unauthenticated { why: "the session has ended; sign in again".to_owned() })
            }
        }
    }
}

/// Middleware: lets only known callers through, and notes which kind they are.
pub(crate) async fn authenticate(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = Client::of(&request);
    let admitted = match gate.admit(request.headers(), address).await {
        Ok(Caller::Session) => guard::check_intent(&request).map(|()| Caller::Session),
        other => other,
    };
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            // Nothing behind the gate needs the token, so nothing can log it.
            request.headers_mut().remove(header::AUTHORIZATION);
            next.run(request).await
        }
        Err(error) => refuse(error, request.uri().path()),
    }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// The caller may be who they say; we cannot look it up now.
pub(super) fn unavailable(error: store::Error) -> ApiError {
    tracing::error!(error = &error as &dyn std::error::Error, "cannot check who is calling");
    ApiError::Unavailable {
        what: "database".to_owned(),
        why: "cannot check who is calling; try again".to_owned(),
        retry_after_ms: 1000,
    }
}
