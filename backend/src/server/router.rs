//! The table of routes: what is open, what needs a token, and the guard before both.

use std::sync::Arc;

use api::error::ApiError;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::Uri,
    middleware::{from_fn_with_state, map_response},
    routing::{any, get, post},
};
use jsonrpsee::server::StopHandle;

use super::{
    Parts, Refusal,
    guard::{self, Guard},
    headers,
    health::{self, Readily},
    jsonrpc,
    rates::{self, Rates},
};
use crate::{
    auth::{self, Gate},
    tasks::Tasks,
    ui,
};

/// Largest body of a login, in bytes: nobody has proved who they are yet.
const LOGIN: usize = 4096;

/// Everything the port answers.
pub(super) fn build(parts: Parts, stop: StopHandle, tasks: &Tasks) -> Router {
    let Parts { http, methods, rest, store, audit, ready } = parts;
    let rates = Rates::new(&http);
    let gate = Arc::new(Gate::new(store, &http, rates.clone(), audit.clone(), tasks));

    let signed_in = Router::new()
        .route("/rpc", jsonrpc::route(methods, &http, rates.clone(), audit, stop))
        .route("/api/session", get(auth::session))
        .route("/api/logout", post(auth::logout).with_state(Arc::clone(&gate)))
        .route("/api/{*path}", any(no_such_endpoint))
        .merge(rest)
        .layer(DefaultBodyLimit::max(http.max_body as usize))
        .route_layer(from_fn_with_state(Arc::clone(&gate), auth::authenticate));

    let open = Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready).with_state(Arc::new(Readily::new(ready))))
        .fallback_service(get(ui::serve))
        .layer(from_fn_with_state(rates, rates::limit));
    // Apart from the rest, so that nobody's requests keep the right token from signing in.
    let login = post(auth::login).layer(DefaultBodyLimit::max(LOGIN)).with_state(gate);

    // The last layer is the outermost: even a refused request gets the headers.
    signed_in
        .merge(open)
        .route("/api/login", login)
        .layer(from_fn_with_state(Arc::new(Guard::new(&http)), guard::watch))
        .layer(map_response(headers::add))
}

async fn no_such_endpoint(uri: Uri) -> Refusal {
    Refusal(ApiError::NotFound { what: "endpoint".to_owned(), id: uri.path().to_owned() })
}
