//! The gate: lets a request in that carries a known token or a live session.

use std::{net::IpAddr, sync::Arc, time::Duration};

use api::{Timestamp, error::ApiError};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use super::{attempts::Attempts, cookie, hash, live::Live, sessions::Sessions};
use crate::{
    audit::{self, Audit},
    caller::{Caller, Proof},
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
    pub(super) async fn check_token(&self, token: &Secret, address: IpAddr) -> Result<Caller, ApiError> {
        let token = hash(token);
        if let Some(known) = self.store.token_fetch(token, Timestamp::now()).await.map_err(unavailable)? {
            let (name, proof) = (known.name.into(), Proof::Token { token });
            return Ok(Caller { proof, name, role: known.role, address: Some(address) });
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
            self.note_refused(address).await;
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

    /// Notes in the audit log that a caller came or went.
    pub(super) async fn note(&self, action: &str, caller: &Caller) {
        self.audit.record(audit::entry(Some(caller), action, None, Ok(()))).await;
    }

    /// Notes in the audit log that a token was refused.
    async fn note_refused(&self, address: IpAddr) {
        let mut entry = audit::entry(None, "login", None, Ok(()));
        entry.origin = Some(address.to_string());
        (entry.ok, entry.error) = (false, Some("the token is not known".to_owned()));
        self.audit.record(entry).await;
    }

    /// Lets a caller in, or counts against its address that it may not come in.
    async fn admit(&self, headers: &HeaderMap, address: IpAddr) -> Result<Caller, ApiError> {
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
    pub(super) fn take(&self, known: &Caller) -> Result<(), ApiError> {
        self.rates.take(Who::Known(known.token()))
    }

    async fn identify(&self, headers: &HeaderMap, address: IpAddr) -> Result<Caller, ApiError> {
        if let Some(token) = bearer(headers) {
            return self.check_token(&token, address).await;
        }
        let Some(session) = cookie::find(headers, self.secure_cookies) else {
            let why = "send `Authorization: Bearer TOKEN`, or sign in with POST /api/login";
            return Err(ApiError::Unauthenticated { why: why.to_owned() });
        };
        // Not counted: a stale tab is not a guess, and a session is too long to be guessed.
        let session = hash(&session);
        match self.sessions.token(session, Timestamp::now()).await? {
            Some(known) => Ok(Caller {
                proof: Proof::Session { session, token: known.hash },
                name: known.name.into(),
                role: known.role,
                address: Some(address),
            }),
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
        if matches!(known.proof, Proof::Session { .. }) {
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
