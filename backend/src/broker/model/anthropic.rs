//! The model upstream: the same call with the real credential, both ways streamed as it comes.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use url::Url;

use crate::broker::{Credential, headers, refusal::Refusal};

const BETA: &str = "anthropic-beta";
/// What the API wants to see beside an OAuth token.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// An upstream that does not answer: a 503, which the agent retries.
#[derive(Debug)]
pub(super) struct Unanswered {
    refusal: Refusal,
    /// Whether the call may have arrived all the same.
    pub was_reached: bool,
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        self.refusal.into_response()
    }
}

/// Passes a call on and its answer back.
pub(super) async fn forward(
    client: &reqwest::Client,
    base_url: &Url,
    credential: &Credential,
    request: Request,
) -> Result<Response, Unanswered> {
    let (parts, body) = request.into_parts();
    let url = target(base_url, parts.uri.path(), parts.uri.query());
    let call = client
        .request(parts.method, url)
        .headers(with_credential(headers::of_request(&parts.headers), credential))
        .body(reqwest::Body::wrap_stream(body.into_data_stream()));
    match call.send().await {
        Ok(answer) => {
            let (status, headers) = (answer.status(), headers::of_response(answer.headers()));
            Ok((status, headers, Body::from_stream(answer.bytes_stream())).into_response())
        }
        Err(error) => {
            Err(Unanswered { refusal: unreachable(base_url, &error), was_reached: !error.is_connect() })
        }
    }
}

fn target(base_url: &Url, path: &str, query: Option<&str>) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}{path}", base_url.path().trim_end_matches('/')));
    url.set_query(query);
    url
}

fn with_credential(mut headers: HeaderMap, credential: &Credential) -> HeaderMap {
    // What is packed could not be metered.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    match credential {
        Credential::ApiKey(key) => {
            headers.insert("x-api-key", key.clone());
        }
        Credential::OAuth(bearer) => {
            headers.insert(header::AUTHORIZATION, bearer.clone());
            let merged = merge_beta(&headers);
            headers.insert(BETA, merged);
        }
    }
    headers
}

fn merge_beta(headers: &HeaderMap) -> HeaderValue {
    let asked = headers.get_all(BETA).iter().filter_map(|value| value.to_str().ok());
    let asked = asked.flat_map(|value| value.split(',')).map(str::trim);
    let mut betas = asked.filter(|beta| !beta.is_empty() && *beta != OAUTH_BETA).collect::<Vec<_>>();
    betas.push(OAUTH_BETA);
    HeaderValue::from_str(&betas.join(",")).unwrap_or(HeaderValue::from_static(OAUTH_BETA))
}

/// The error names the host and what went wrong, and neither the call nor the credential.
fn unreachable(base_url: &Url, error: &reqwest::Error) -> Refusal {
    let host = base_url.host_str().unwrap_or_default();
    let what = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "did not answer in time",
        (false, true) => "could not be reached",
        (false, false) => "broke off the connection",
    };
    tracing::warn!(upstream.host = host, "the model upstream {what}");
    let why = format!("the model upstream {host} {what}; Caisson's operator can see more in its log");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)
}

#[cfg(test)]
mod tests;
