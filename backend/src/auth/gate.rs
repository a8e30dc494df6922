//! The gate: lets a request in that carries a known token or a live session.

use std::{net::IpAddr, sync::Arc};

use api::{Timestamp, audit::AuditEntry, error::ApiError, id::AuditId};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};

use super::{attempts::Attempts, cookie, hash, sessions::Sessions};
use crate::{
    audit::Audit,
    config::Http,
    secret::Secret,
    server::{
        Client, guard,
        rates::{self, Rates, Who},
        refuse,
    },
    store::{self, Store},
    tasks::Tasks,
};

/// Who a caller is.
#[derive(Clone)]
pub(crate) struct Identity {
    /// How it proved that.
    pub(crate) caller: Caller,
    /// The name of its token, or of the one that its session was begun with.
    pub(crate) actor: Arc<str>,
    /// What its token or session is known by.
    pub(crate) hash: [u8; 32],
}

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
    store: Store,
    pub(super) sessions: Sessions,
    pub(super) secure_cookies: bool,
    attempts: Attempts,
    rates: Rates,
    audit: Audit,
}

impl Gate {
    pub(crate) fn new(store: Store, http: &Http, rates: Rates, audit: Audit, tasks: &Tasks) -> Self {
        let attempts = Attempts::new(http.login_attempts);
        let sessions = Sessions::new(store.clone(), tasks);
        Self { store, sessions, secure_cookies: http.trusted_proxy, attempts, rates, audit }
    }

    /// Whose token this is, if it is one of ours. Every wrong one counts against the address.
    pub(super) async fn check_token(&self, token: &Secret, address: IpAddr) -> Result<Identity, ApiError> {
        self.attempts.check(address)?;
        let hash = hash(token);
        if let Some(name) = self.store.token_name(hash).await.map_err(unavailable)? {
            return Ok(Identity { caller: Caller::Token, actor: name.into(), hash });
        }
        let is_worth_telling = self.attempts.wrong(address);
        tracing::warn!("a wrong token was refused");
        if is_worth_telling {
            self.note("login", "nobody", address, Some("the token is not known")).await;
        }
        let why = "this token is not known: take the one that the first start showed, or make one with \
                   `caisson token new`";
        Err(ApiError::Unauthenticated { why: why.to_owned() })
    }

    /// Notes in the audit log who came or went, or was refused.
    pub(super) async fn note(&self, action: &str, actor: &str, origin: IpAddr, error: Option<&str>) {
        let entry = AuditEntry {
            id: AuditId::mint(),
            at: Timestamp::now(),
            actor: actor.to_owned(),
            origin: Some(origin.to_string()),
            action: action.to_owned(),
            target: None,
            ok: error.is_none(),
            error: error.map(str::to_owned),
        };
        self.audit.record(entry).await;
    }

    /// Lets a caller in, or counts against its address that it may not come in.
    async fn admit(&self, headers: &HeaderMap, address: IpAddr) -> Result<Identity, ApiError> {
        let nobody = rates::refused(address);
        self.rates.check(nobody)?;
        let known = self.identify(headers, address).await;
        if known.is_err() {
            self.rates.take(nobody)?;
        }
        known
    }

    async fn identify(&self, headers: &HeaderMap, address: IpAddr) -> Result<Identity, ApiError> {
        if let Some(token) = bearer(headers) {
            return self.check_token(&token, address).await;
        }
        let Some(session) = cookie::find(headers) else {
            let why = "send `Authorization: Bearer TOKEN`, or sign in with POST /api/login";
            return Err(ApiError::Unauthenticated { why: why.to_owned() });
        };
        // Not counted: a stale tab is not a guess, and a session is too long to be guessed.
        let hash = hash(&session);
        match self.sessions.actor(hash, Timestamp::now()).await? {
            Some(actor) => Ok(Identity { caller: Caller::Session, actor, hash }),
            None => Err(ApiError::Unauthenticated { why: "the session has ended; sign in again".to_owned() }),
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
    let admitted = gate.admit(request.headers(), address).await.and_then(|known| {
        if known.caller == Caller::Session {
            guard::check_intent(&request)?;
        }
        // On `/rpc` each call counts, however many come in one request.
        if request.uri().path() != "/rpc" {
            gate.rates.take(Who::Known(known.hash))?;
        }
        Ok(known)
    });
    match admitted {
        Ok(known) => {
            request.extensions_mut().insert(known);
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
