//! `/rpc`: jsonrpsee as one handler among others, HTTP and WebSocket on the same path.

use std::time::Duration;

use api::error::ApiError;
use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use futures::StreamExt;
use jsonrpsee::{
    Methods,
    core::middleware::RpcServiceBuilder,
    server::{
        BatchRequestConfig, PingConfig, ServerBuilder, ServerConfig, StopHandle, ws::is_upgrade_request,
    },
};
use tower::ServiceExt;

use super::{
    answers::Answers,
    calls::{Around, Calls},
    rates::Rates,
    refuse,
};
use crate::{audit::Audit, config::Http};

/// The largest answer, in bytes.
pub(super) const LARGEST_ANSWER: u32 = 64 << 20;
/// Messages that wait for one slow socket. They are held per connection, and an event may be large.
const BUFFER: u32 = 32;
/// Calls in one batch.
const BATCH: u32 = 100;
/// How much of a request that is too large is read and thrown away, so that its sender hears why: one that
/// still writes when the connection closes sees only that.
const DISCARD_BYTES: usize = 64 << 20;
/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The route of `/rpc`.
pub(super) fn route(
    methods: Methods,
    http: &Http,
    rates: Rates,
    audit: Audit,
    stop: StopHandle,
) -> MethodRouter {
    let limits = Limits::of(http);
    let around = Around { limits, rates, audit, answers: Answers::new() };
    let known = methods.clone();
    let calls =
        RpcServiceBuilder::new().layer_fn(move |inner| Calls::new(inner, known.clone(), around.clone()));
    let builder = ServerBuilder::default().set_config(limits.config()).set_rpc_middleware(calls);
    let builder = builder.to_service_builder();
    any(move |request: Request| {
        // Built again for each request: subscriptions are distinguished by the number this draws.
        let service = builder.clone().build(methods.clone(), stop.clone());
        async move {
            let upgrade = is_upgrade_request(&request);
            if u64::from(limits.body) < request.body().size_hint().lower() {
                discard(request.into_body()).await;
                return limits.explain(upgrade, StatusCode::PAYLOAD_TOO_LARGE.into_response());
            }
            let response = match service.oneshot(request).await {
                Ok(response) => response.map(Body::new),
                Err(error) => {
                    tracing::error!(error = &*error as &dyn std::error::Error, "jsonrpsee failed");
                    StatusCode::INTERNAL_SERVER_ERROR.into_response()
                }
            };
            limits.explain(upgrade, response)
        }
    })
}

async fn discard(body: Body) {
    let mut chunks = body.into_data_stream();
    let mut read = 0;
    let reading = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            read += chunk.len();
            if DISCARD_BYTES < read {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}

/// The limits a caller can hit here.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Largest request and answer, in bytes.
    pub(super) body: u32,
    /// Most connections at once.
    pub(super) connections: u32,
    /// Most subscriptions on one WebSocket.
    pub(super) subscriptions: u32,
}

impl Limits {
    fn of(http: &Http) -> Self {
        Self { body: http.max_body, connections: http.max_connections, subscriptions: http.max_subscriptions }
    }

    fn config(self) -> ServerConfig {
        ServerConfig::builder()
            .max_request_body_size(self.body)
            .max_response_body_size(LARGEST_ANSWER)
            .max_connections(self.connections)
            .max_subscriptions_per_connection(self.subscriptions)
            .set_message_buffer_capacity(BUFFER)
            .set_batch_request_config(BatchRequestConfig::Limit(BATCH))
            // Off by default: without it a socket whose peer is gone stays open for ever.
            .enable_ws_ping(PingConfig::new())
            .build()
    }

    /// Says in our shape what jsonrpsee says in plain text, or with a code that means something else here.
    fn explain(self, upgrade: bool, response: Response) -> Response {
        let limit =
            |limit: &str, value: u32| ApiError::Limit { limit: limit.to_owned(), value: value.into() };
        let error = match response.status() {
            StatusCode::TOO_MANY_REQUESTS => limit("CAISSON_MAX_CONNECTIONS", self.connections),
            StatusCode::PAYLOAD_TOO_LARGE => limit("CAISSON_MAX_BODY", self.body),
            StatusCode::OK if upgrade => ApiError::invalid("Upgrade", "this is no valid WebSocket handshake"),
            _ => return response,
        };
        let mut refused = refuse(error, "/rpc");
        if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
            *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        }
        refused
    }
}
