//! `/health` and `/ready`: open to everyone, so they say little.

use std::{sync::Arc, time::Duration};

use api::system::Part;
use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

use super::{Readiness, Ready};

/// How long an answer holds: a thousand probes a second ask the engine once.
const HOLDS: Duration = Duration::from_secs(1);
/// How long the question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// `GET /health`: alive.
pub(super) async fn health() -> impl IntoResponse {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// Answers `/ready`, and remembers the answer for a moment.
pub(super) struct Readily {
    ask: Ready,
    last: Mutex<Option<(Instant, Readiness)>>,
}

impl Readily {
    pub(super) fn new(ask: Ready) -> Self {
        Self { ask, last: Mutex::new(None) }
    }

    /// Whoever comes while the question is asked waits for the same answer.
    async fn readiness(&self) -> Readiness {
        let mut last = self.last.lock().await;
        if let Some((at, readiness)) = &*last
            && at.elapsed() < HOLDS
        {
            return readiness.clone();
        }
        let readiness = tokio::time::timeout(PATIENCE, (self.ask)()).await.unwrap_or_else(|_| silent());
        *last = Some((Instant::now(), readiness.clone()));
        readiness
    }
}

/// `GET /ready`: 200 when the database can be written and the engine is there, else 503, with what is wrong with
/// the database. More is for signed-in callers, in `system.status`.
pub(super) async fn ready(State(readily): State<Arc<Readily>>) -> impl IntoResponse {
    let Readiness { database, engine } = readily.readiness().await;
    let status = if database.ok && engine.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |part: &Part| if part.ok { "ok" } else { "unavailable" };
    let mut answer = json!({ "database": word(&database), "engine": word(&engine) });
    if !database.ok {
        answer["why"] = database.detail.into();
    }
    (status, Json(answer))
}

fn silent() -> Readiness {
    let part = Part { ok: false, detail: "no answer in time".to_owned() };
    Readiness { database: part.clone(), engine: part }
}
