//! The gate: lets a request in that carries a known token or a live session.

use std::{net::IpAddr, sync::Arc, time::Duration};

use api::{Timestamp, audit::AuditEntry, error::ApiError, id::AuditId};
use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderMap, header},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use super::{attempts::Attempts, cookie, hash, live::Live, sessions::Sessions};
use crate::{
    audit::Audit,
    config::Http,
    secret::Secret,
    server::{
        Client, Cut, guard,
        rates::{self, Rates, Who},
        refuse,
    },
    store::{self, Store},
    tasks::Tasks,
};

/// What a wrong token costs once too many were tried from its address: so many fit into a second, from all such
/// addresses together and over however many connections.
const PAUSE: Duration = Duration::from_millis(20);

/// Who a caller is.
#[derive(Clone)]
pub(crate) struct Identity {
    /// How it proved that.
    pub(crate) caller: Caller,
    /// The name of its token, or of the one that its session was begun with.
    pub(crate) actor: Arc<str>,
    /// What its token or session is known by.
    pub(crate) hash: [u8; 32],
    /// What its token is known by, or the one that its session was begun with.
    pub(crate) token: [u8; 32],
}

/// Who makes this call, by the token. Nobody comes to a call unknown.
pub(crate) fn caller(who: &Extensions) -> [u8; 32] {
    who.get::<Identity>().map(|known| known.token).unwrap_or_default()
}

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    live: Live,
    pub(super) secure_cookies: bool,
    attempts: Attempts,
    /// The turn of those from whose address too much was refused.
    guesses: Semaphore,
    rates: Rates,
    audit: Audit,
}

impl Gate {
    pub(crate) fn new(store: Store, http: &Http, rates: Rates, audit: Audit, tasks: &Tasks) -> Self {
        let attempts = Attempts::new(http.login_attempts);
        let sessions = Sessions::new(store.clone(), tasks);
        let (secure_cookies, guesses) = (http.trusted_proxy, Semaphore::new(1));
        let live = Live::new(store.clone(), sessions.clone(), tasks);
        Self { store, sessions, live, secure_cookies, attempts, guesses, rates, audit }
    }

    /// Whose token this is, if it is one of ours. Every wrong one counts against the address. A right one is let in
    /// at once, whatever was guessed from its address before: others may share it. A guess that is refused waits for
    /// its turn first, so that more connections make no more guesses; a look at the database is all it costs others.
    pub(super) async fn check_token(&self, token: &Secret, address: IpAddr) -> Result<Identity, ApiError> {
        let hash = hash(token);
        if let Some(name) = self.store.token_name(hash, Timestamp::now()).await.map_err(unavailable)? {
            return Ok(Identity { caller: Caller::Token, actor: name.into(), hash, token: hash });
        }
        let often = self.attempts.check(address);
        // Before the wait: whoever hangs up has guessed all the same.
        let is_worth_telling = self.attempts.wrong(address);
        if often.is_err() || self.rates.check(rates::refused(address)).is_err() {
            self.turn().await;
        }
        often?;
        tracing::warn!("a wrong token was refused");
        if is_worth_telling {
            self.note("login", "nobody", address, Some("the token is not known")).await;
        }
        let why = "this token is not known: take the one that the first start showed, or make one with \
                   `caisson token new`";
        Err(ApiError::Unauthenticated { why: why.to_owned() })
    }

    /// The wait of a wrong token from an address with too many: one after the other, of all such addresses.
    async fn turn(&self) {
        // It is never closed.
        let _turn = self.guesses.acquire().await;
        tokio::time::sleep(PAUSE).await;
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
        let known = self.identify(headers, address).await;
        self.counted(known, address)
    }

    /// Counts a refusal against the address; beyond its rate it is told that instead.
    pub(super) fn counted<T>(&self, known: Result<T, ApiError>, address: IpAddr) -> Result<T, ApiError> {
        if known.is_err() {
            self.rates.take(rates::refused(address))?;
        }
        known
    }

    /// Counts a call of a known caller: all sessions of a token are one.
    pub(super) fn take(&self, known: &Identity) -> Result<(), ApiError> {
        self.rates.take(Who::Known(known.token))
    }

    async fn identify(&self, headers: &HeaderMap, address: IpAddr) -> Result<Identity, ApiError> {
        if let Some(token) = bearer(headers) {
            return self.check_token(&token, address).await;
        }
        let Some(session) = cookie::find(headers, self.secure_cookies) else {
            let why = "send `Authorization: Bearer TOKEN`, or sign in with POST /api/login";
            return Err(ApiError::Unauthenticated { why: why.to_owned() });
        };
        // Not counted: a stale tab is not a guess, and a session is too long to be guessed.
        let hash = hash(&session);
        match self.sessions.owner(hash, Timestamp::now()).await? {
            Some((actor, token)) => Ok(Identity { caller: Caller::Session, actor, hash, token }),
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
            gate.take(&known)?;
        }
        Ok(known)
    });
    match admitted {
        Ok(known) => {
            if stays_open(&request)
                && let Some(cut) = request.extensions().get::<Cut>()
            {
                gate.live.note(&known, cut);
            }
            request.extensions_mut().insert(known);
            // Nothing behind the gate needs the token, so nothing can log it.
            request.headers_mut().remove(header::AUTHORIZATION);
            next.run(request).await
        }
        Err(error) => refuse(error, request.uri().path()),
    }
}

/// Whether its connection goes on when it is answered: a WebSocket, or a stream of the REST interface.
fn stays_open(request: &Request) -> bool {
    request.headers().contains_key(header::UPGRADE) || request.uri().path().starts_with("/api/runs/")
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
