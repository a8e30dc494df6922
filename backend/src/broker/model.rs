//! Model calls: who may make them, which ones there are, and who answers.

mod admit;
mod allowed;
mod anthropic;
mod bill;
mod named;
mod reader;
mod unpriced;

use std::sync::Arc;

use api::id::RunId;
use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::json;
use subtle::ConstantTimeEq;

use self::{
    allowed::{Checked, Models},
    bill::Bill,
    unpriced::Unpriced,
};
use super::{Access, Broker, Meter, Permit, Upstream, prices::Asked, refusal::Refusal, scripted};
use crate::room::Room;

const NO_CREDENTIAL: &str = "Caisson has no model credential: its operator must set ANTHROPIC_API_KEY or \
                             CLAUDE_CODE_OAUTH_TOKEN, CAISSON_CLAUDE_LOGIN, or CAISSON_MODEL=scripted:FILE";

/// What keeps a client from trying again.
const NEVER_AGAIN: [(&str, &str); 1] = [("x-should-retry", "false")];

/// The model calls there are. Nothing else is let through to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `GET /v1/models`
    Models,
}

impl Call {
    fn of(method: &Method, path: &str) -> Option<Self> {
        match (method, path) {
            (&Method::POST, "/v1/messages") => Some(Self::Messages),
            (&Method::POST, "/v1/messages/count_tokens") => Some(Self::CountTokens),
            (&Method::GET, "/v1/models") => Some(Self::Models),
            _ => None,
        }
    }
}

struct Model {
    broker: Broker,
    run: RunId,
    token: String,
    models: Arc<Models>,
    meter: Arc<dyn Meter>,
    unpriced: Unpriced,
    /// For calls that are answered here.
    room: Room,
}

/// The model calls of one run.
pub(super) fn router(broker: Broker, access: &Access) -> Router {
    let Access { run, model_token: token, models, meter, .. } = access.clone();
    let models = Arc::new(Models::new(models));
    // The agent asks this before anything else, to see whether there is a way out at all.
    let hello = get(|| async { Json(json!({"ok": true})) });
    Router::new()
        .route("/", hello.clone())
        .route("/api/hello", hello)
        .route("/v1/{*rest}", any(answer))
        .fallback(|| async { no_such_call() })
        .with_state(Arc::new(Model {
            broker,
            run,
            token,
            models,
            meter,
            unpriced: Unpriced::new(),
            room: Room::of(scripted::ROOM_OF_RUN),
        }))
}

async fn answer(State(model): State<Arc<Model>>, request: Request) -> Response {
    if !shows(request.headers(), &model.token) {
        let why = "this is not the model token of this run";
        return Refusal::new(StatusCode::UNAUTHORIZED, why).into_response();
    }
    let Some(call) = Call::of(request.method(), request.uri().path()) else { return no_such_call() };
    // It says nothing about itself.
    if call == Call::Models {
        return model.ask_unpriced(call, request).await;
    }
    let look = call == Call::Messages && model.meter.has_limit();
    let Checked { call: request, model: name, late } = match model.models.check(request, look).await {
        Ok(checked) => checked,
        Err(refusal) => return model.refuse(refusal),
    };
    model.meter.named(false);
    let answer = model.answer(call, name.as_deref(), request).await;
    match late.get() {
        Some(refusal) => model.refuse(refusal.clone()),
        None => answer,
    }
}

impl Model {
    async fn answer(self: &Arc<Self>, call: Call, name: Option<&str>, request: Request) -> Response {
        if call != Call::Messages {
            return self.ask_unpriced(call, request).await;
        }
        let most = self.most(name, request.headers());
        match admit::admitted(self.meter.admit(most), request).await {
            Ok((permit, request)) => Arc::clone(self).ask_metered(permit, request).await,
            // The one status that the agent neither retries nor rewords.
            Err(why) => refuse_for_good(StatusCode::PAYMENT_REQUIRED, why),
        }
    }

    /// Refuses a call for what is in it, which trying again does not change.
    fn refuse(&self, refusal: Refusal) -> Response {
        // The other calls that are refused here cannot be read.
        self.meter.named(refusal.status == StatusCode::FORBIDDEN);
        (NEVER_AGAIN, refusal).into_response()
    }

    /// The most that a call can cost, in US dollars; `None` when that is unknown.
    fn most(&self, model: Option<&str>, headers: &HeaderMap) -> Option<f64> {
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let call = Asked { model, length, fast: asks_for_speed(headers) };
        match self.broker.0.upstream {
            Upstream::Scripted(_) => self.broker.0.prices.most_of_free(&call),
            Upstream::Anthropic { .. } | Upstream::None => self.broker.0.prices.most(&call),
        }
    }

    /// A call that costs nothing.
    async fn ask_unpriced(&self, call: Call, request: Request) -> Response {
        match self.unpriced.begin().await {
            Ok(_place) => self.ask(call, request).await.unwrap_or_else(|error| self.unanswered(error)),
            Err(refusal) => refusal.into_response(),
        }
    }

    async fn ask_metered(self: Arc<Self>, permit: Permit, request: Request) -> Response {
        let bill = Bill::open(Arc::clone(&self), permit);
        match self.ask(Call::Messages, request).await {
            Ok(answer) => bill.follow(answer),
            Err(error) => {
                if !error.was_reached {
                    bill.cancel();
                }
                self.unanswered(error)
            }
        }
    }

    /// What the agent is told; the run is told too where nobody but a person can help.
    fn unanswered(&self, error: anthropic::Unanswered) -> Response {
        if let Some((status, message)) = error.refuses_credential() {
            self.meter.refused(status, message);
        }
        error.into_response()
    }

    async fn ask(&self, call: Call, request: Request) -> Result<Response, anthropic::Unanswered> {
        match &self.broker.0.upstream {
            Upstream::Anthropic { base_url, credential, client } => {
                anthropic::forward(client, base_url, credential, request).await
            }
            Upstream::Scripted(player) => Ok(player.answer(self.run, &self.room, call, request).await),
            Upstream::None => Ok(refuse_for_good(StatusCode::UNAUTHORIZED, NO_CREDENTIAL)),
        }
    }
}

/// An error that the agent gives up on at once.
fn refuse_for_good(status: StatusCode, why: impl Into<String>) -> Response {
    (NEVER_AGAIN, Refusal::new(status, why)).into_response()
}

fn no_such_call() -> Response {
    let why = "Caisson's broker answers /v1/messages, /v1/messages/count_tokens and /v1/models only";
    Refusal::new(StatusCode::NOT_FOUND, why).into_response()
}

/// Whether the call may ask for an answer at a higher speed, which costs more: only with this header can it.
fn asks_for_speed(headers: &HeaderMap) -> bool {
    let mut asked = headers.get_all("anthropic-beta").iter();
    asked.any(|value| value.as_bytes().windows(4).any(|part| part.eq_ignore_ascii_case(b"fast")))
}

/// Whether the request shows the run's token, as a key or as a bearer. Compared in constant time.
fn shows(headers: &HeaderMap, token: &str) -> bool {
    let key = headers.get("x-api-key").map(|value| value.as_bytes());
    let bearer = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let bearer = bearer.and_then(|value| value.strip_prefix(b"Bearer "));
    let shown = [key, bearer].into_iter().flatten();
    // A run without a token has no access, not everybody's.
    !token.is_empty() && shown.into_iter().any(|shown| bool::from(shown.ct_eq(token.as_bytes())))
}

#[cfg(test)]
pub(super) mod tests;
