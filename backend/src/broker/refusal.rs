//! What a model call is told when it fails here: errors in the shape of the Anthropic API, which
//! the agent reads, shows and retries by itself.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// An error answer to a model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: StatusCode,
    /// `overloaded_error`, `rate_limit_error`, …
    pub kind: String,
    pub message: String,
}

impl Refusal {
    /// An error of the kind that goes with the status.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, kind: kind_of(status).to_owned(), message: message.into() }
    }
}

/// The error type that the Anthropic API gives with a status.
pub(super) const fn kind_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"type": "error", "error": {"type": self.kind, "message": self.message}});
        (self.status, Json(body)).into_response()
    }
}
