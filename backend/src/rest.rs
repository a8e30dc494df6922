//! REST beside RPC, for what RPC is not made for: streams for browsers and `curl`, downloads, Prometheus.
//! Everything here needs a token or a session, like `/rpc`.

mod artifact;
mod events;
mod log;
mod pieces;

use api::{error::ApiError, id::RunId};
use axum::{
    Extension, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{app::App, caller::Caller, metrics, server::Refusal};

/// The routes.
pub(crate) fn routes(app: App) -> Router {
    metrics::begin();
    Router::new()
        .route("/api/runs/{id}/events", get(events::events))
        .route("/api/runs/{id}/log", get(log::log))
        .route("/api/runs/{id}/artifacts/{name}", get(artifact::artifact))
        .route("/metrics", get(figures))
        .with_state(app)
}

/// `GET /metrics`. It needs a token as well: counts of runs and their ends are nobody else's business, and
/// Prometheus can send one (`authorization: {credentials_file: …}`).
async fn figures(State(app): State<App>, Extension(caller): Extension<Caller>) -> Answer {
    let text = app.figures(&caller).await.map_err(refuse)?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// An error of `app` as an HTTP answer.
type Answer = Result<Response, Refusal>;

fn refuse(error: crate::app::Error) -> Refusal {
    Refusal(ApiError::from(error))
}

fn run_id(text: &str) -> Result<RunId, Refusal> {
    text.parse().map_err(|_| Refusal(ApiError::invalid("id", "is not the id of a run")))
}
