//! `GET /link`: the backend's connection becomes the link.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::{State as Shared, refusal::Refusal};

/// The protocol's name in `Upgrade`.
const PROTOCOL: &str = "caisson-link";

/// Switches to the link's protocol.
pub(super) async fn attach(
    State(state): State<Arc<Shared>>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let upgrade = upgrade.filter(|_| asks(request.headers())).ok_or_else(|| {
        Refusal::Invalid(format!(
            "this path needs HTTP/1.1 with `Connection: upgrade` and `Upgrade: {PROTOCOL}`"
        ))
    })?;
    let relay = state.relay.clone();
    state.tasks.spawn("link", async move {
        match upgrade.await {
            Ok(socket) => relay.attach(TokioIo::new(socket)).await,
            Err(error) => tracing::warn!(%error, "the link was not made"),
        }
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, PROTOCOL)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

fn asks(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(PROTOCOL.as_bytes()))
}
