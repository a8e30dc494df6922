//! `ApiError` as an HTTP answer: its status, and the same `error` object as in JSON-RPC.

use api::error::ApiError;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::rates::PER_SECOND;
use crate::auth::ATTEMPTS;

/// An `ApiError` that a REST handler answers with: `{"error": {code, message, data}}`.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) ApiError);

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": object(&self.0) });
        answer(&self.0, body)
    }
}

/// Refuses a request before a handler has seen it. On `/rpc` the answer is one of JSON-RPC.
pub(crate) fn refuse(error: ApiError, path: &str) -> Response {
    if path != "/rpc" {
        return Refusal(error).into_response();
    }
    let body = json!({ "jsonrpc": "2.0", "error": object(&error), "id": null });
    answer(&error, body)
}

fn object(error: &ApiError) -> Value {
    json!({ "code": error.code(), "message": error.to_string(), "data": error })
}

fn answer(error: &ApiError, body: Value) -> Response {
    let mut response = (status(error), Json(body)).into_response();
    match error {
        ApiError::Unauthenticated { .. } => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ApiError::Unavailable { retry_after_ms, .. } => {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after_ms.div_ceil(1000).into());
        }
        ApiError::Limit { limit, .. } if limit == PER_SECOND => {
            response.headers_mut().insert(header::RETRY_AFTER, 1.into());
        }
        ApiError::Limit { limit, .. } if limit == ATTEMPTS => {
            response.headers_mut().insert(header::RETRY_AFTER, 60.into());
        }
        _ => {}
    }
    response
}

fn status(error: &ApiError) -> StatusCode {
    match error {
        ApiError::Invalid { .. } => StatusCode::BAD_REQUEST,
        ApiError::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
        ApiError::Forbidden { .. } => StatusCode::FORBIDDEN,
        ApiError::NotFound { .. } => StatusCode::NOT_FOUND,
        ApiError::Conflict { .. } => StatusCode::CONFLICT,
        ApiError::Limit { .. } => StatusCode::TOO_MANY_REQUESTS,
        ApiError::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        ApiError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}
