//! Signing in and out: a browser swaps a token for a session cookie.

use std::sync::Arc;

use api::{Timestamp, error::ApiError};
use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    cookie::{self, SESSION_SECONDS},
    gate::Gate,
    hash, random,
};
use crate::{
    caller::{Caller, Proof},
    secret::Secret,
    server::{Client, Refusal},
};

/// The body of `POST /api/login`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    token: String,
}

/// `POST /api/login {token}`: 204 and a session cookie.
pub(crate) async fn login(
    State(gate): State<Arc<Gate>>,
    Extension(client): Extension<Client>,
    body: Result<Json<Login>, JsonRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Json(Login { token }) = body.map_err(|rejected| ApiError::invalid("body", rejected.body_text()))?;
    let known = gate.check_token(&Secret::new(token.trim()), client.0).await;
    let known = gate.counted(known, client.0)?;
    gate.take(&known)?;
    let session = Secret::new(random());
    let expires = Timestamp::now() + jiff::SignedDuration::from_secs(SESSION_SECONDS);
    gate.sessions.begin(hash(&session), Arc::clone(&known.name), known.token(), expires).await?;
    gate.note("login", &known).await;
    let cookie = cookie::set(&session, gate.secure_cookies);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])))
}

/// `POST /api/logout`: ends the session, here and in the browser.
pub(crate) async fn logout(
    State(gate): State<Arc<Gate>>,
    Extension(known): Extension<Caller>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    if let Some(session) = cookie::find(&headers, gate.secure_cookies) {
        gate.sessions.end(hash(&session)).await?;
    }
    gate.note("logout", &known).await;
    let cookie = cookie::clear(gate.secure_cookies);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])))
}

/// `GET /api/session`: how the caller is signed in, as whom, and with which role. Who is not signed in gets 401.
pub(crate) async fn session(Extension(known): Extension<Caller>) -> impl IntoResponse {
    let by = match known.proof {
        Proof::Session { .. } => "session",
        Proof::Token { .. } | Proof::Server => "token",
    };
    Json(json!({ "signedInBy": by, "name": &*known.name, "role": known.role }))
}
