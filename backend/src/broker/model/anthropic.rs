//! The model upstream: the same call with the real credential, both ways streamed as it comes.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use url::Url;

use crate::broker::{Credential, headers, login, refusal::Refusal};

const BETA: &str = "anthropic-beta";
/// What the API wants to see beside an OAuth token.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// An upstream that does not answer: a 503, which the agent retries; or no credential to ask it with.
#[derive(Debug)]
pub(super) struct Unanswered {
    refusal: Refusal,
    /// Whether the call may have arrived all the same.
    pub was_reached: bool,
}

impl Unanswered {
    /// There is nothing to show that the upstream would take.
    fn no_credential(error: &login::Error) -> Self {
        let status = match error {
            login::Error::LoggedOut(_) => StatusCode::UNAUTHORIZED,
            login::Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { refusal: Refusal::new(status, error.to_string()), was_reached: false }
    }

    /// The next try shows another credential. The call's body has passed and is not kept for this.
    fn renewed() -> Self {
        let why = "the credential was renewed in this moment: try again";
        Self { refusal: Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why), was_reached: false }
    }

    /// What the run is to be told, when trying again is of no use.
    pub(super) fn refuses_credential(&self) -> Option<(u16, String)> {
        let refused = self.refusal.status == StatusCode::UNAUTHORIZED;
        refused.then(|| (self.refusal.status.as_u16(), self.refusal.message.clone()))
    }
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        match self.refusal.status {
            StatusCode::UNAUTHORIZED => (super::NEVER_AGAIN, self.refusal).into_response(),
            _ => self.refusal.into_response(),
        }
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
    let shown = Shown::of(credential).await.map_err(|error| Unanswered::no_credential(&error))?;
    let call = client
        .request(parts.method, url)
        .headers(shown.added_to(headers::of_request(&parts.headers)))
        .body(reqwest::Body::wrap_stream(body.into_data_stream()));
    let answer = call.send().await.map_err(|error| Unanswered {
        refusal: unreachable(base_url, &error),
        was_reached: !error.is_connect(),
    })?;
    if let (StatusCode::UNAUTHORIZED, Credential::Login(login), Shown::Bearer(bearer)) =
        (answer.status(), credential, &shown)
        && login.replace(bearer).await.map_err(|error| Unanswered::no_credential(&error))?
    {
        return Err(Unanswered::renewed());
    }
    // Of this moment: what was shown is in it.
    let redactor = credential.redactor();
    let (status, headers) = (answer.status(), redactor.headers(headers::of_response(answer.headers())));
    Ok((status, headers, redactor.body(answer.bytes_stream())).into_response())
}

/// What this call shows.
enum Shown {
    Key(HeaderValue),
    Bearer(HeaderValue),
}

impl Shown {
    async fn of(credential: &Credential) -> Result<Self, login::Error> {
        Ok(match credential {
            Credential::ApiKey(key) => Self::Key(key.clone()),
            Credential::OAuth(bearer) => Self::Bearer(bearer.clone()),
            Credential::Login(login) => Self::Bearer(login.bearer().await?),
        })
    }

    fn added_to(&self, mut headers: HeaderMap) -> HeaderMap {
        // What is packed could not be metered.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        match self {
            Self::Key(key) => {
                headers.insert("x-api-key", key.clone());
            }
            Self::Bearer(bearer) => {
                headers.insert(header::AUTHORIZATION, bearer.clone());
                let merged = merge_beta(&headers);
                headers.insert(BETA, merged);
            }
        }
        headers
    }
}

fn target(base_url: &Url, path: &str, query: Option<&str>) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}{path}", base_url.path().trim_end_matches('/')));
    url.set_query(query);
    url
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
