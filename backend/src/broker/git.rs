//! The git gateway: a run reads its own repository and pushes to its own branch, with a credential that
//! never enters its container. Smart HTTP only.

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod pkt_line;
mod push;
mod report;
mod target;

use std::{fmt, sync::Arc};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use url::Url;

use self::target::{Part, Service, Target};
use super::{Access, Broker, Parts, headers};

struct Gateway {
    broker: Broker,
    access: Access,
}

/// The git requests of one run.
pub(super) fn router(broker: Broker, access: Access) -> Router {
    Router::new().route("/git/{*rest}", any(answer)).with_state(Arc::new(Gateway { broker, access }))
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let repository = &gateway.access.repository;
    let Some(target) = Target::read(request.method(), request.uri()) else {
        return refuse(StatusCode::FORBIDDEN, "Caisson's git gateway speaks git's smart HTTP protocol only");
    };
    if !target.is_in(repository) {
        return refuse(
            StatusCode::FORBIDDEN,
            format_args!("this run may use the repository {repository} only"),
        );
    }
    let (parts, body) = request.into_parts();
    let body = body.into_data_stream();
    match (target.part, target.service) {
        (Part::References, _) => gateway.forward(&target, &parts.headers, None).await,
        (Part::Exchange, Service::UploadPack) => {
            gateway.forward(&target, &parts.headers, Some(reqwest::Body::wrap_stream(body))).await
        }
        (Part::Exchange, Service::ReceivePack) => gateway.push(&target, &parts.headers, body).await,
    }
}

impl Gateway {
    /// Reads which branches a push wants to change before anything of it leaves.
    async fn push(&self, target: &Target, headers: &HeaderMap, mut body: BodyDataStream) -> Response {
        // What is packed cannot be judged, and git does not pack pushes.
        if headers.contains_key(header::CONTENT_ENCODING) {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a push must not have a content encoding");
        }
        let (head, read) = match push::Head::read(&mut body).await {
            Ok(head) => head,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, error),
        };
        if head.is_allowed(&self.access.branch) {
            let whole = stream::once(async { Ok(read) }).chain(body);
            return self.forward(target, headers, Some(reqwest::Body::wrap_stream(whole))).await;
        }
        tracing::info!(run.id = %self.access.run, "a push to another branch than the run's was refused");
        // A client that is still sending would not read the answer.
        push::discard(body).await;
        report::refusal(&head, &self.access.branch)
    }

    /// Asks the repository itself. What it answers is passed on as it is, except for a redirect.
    async fn forward(&self, target: &Target, headers: &HeaderMap, body: Option<reqwest::Body>) -> Response {
        let url = target.upstream(&self.access.repository);
        let host = url.host_str().unwrap_or_default().to_owned();
        match self.call(url, headers, body).send().await {
            Ok(answer) if answer.status().is_redirection() => moved(answer.headers()),
            Ok(answer) => {
                let (status, headers) = (answer.status(), headers::of_response(answer.headers()));
                (status, headers, Body::from_stream(answer.bytes_stream())).into_response()
            }
            Err(error) => {
                let error = error.without_url();
                tracing::warn!(run.id = %self.access.run, git.host = host, %error, "a git server does not answer");
                refuse(StatusCode::BAD_GATEWAY, format_args!("the git server {host} could not be reached"))
            }
        }
    }

    /// The request to the git server, with the credential that is for it.
    fn call(&self, url: Url, headers: &HeaderMap, body: Option<reqwest::Body>) -> reqwest::RequestBuilder {
        let Parts { client, github_token, .. } = &*self.broker.0;
        let token = github_token.as_ref().filter(|_| is_github(&url));
        let call = match body {
            Some(body) => client.post(url).body(body),
            None => client.get(url),
        };
        let call = call.headers(headers::of_git_request(headers));
        match token {
            Some(token) => call.basic_auth("x-access-token", Some(token.expose())),
            None => call,
        }
    }
}

/// Whether the GitHub credential may be shown there: to github.com itself, and never in clear.
fn is_github(url: &Url) -> bool {
    url.scheme() == "https" && url.host_str() == Some("github.com") && url.port().is_none()
}

/// A redirect is not followed: it would take the credential, and the run, to a place nobody chose.
fn moved(headers: &HeaderMap) -> Response {
    let place =
        headers.get(header::LOCATION).and_then(|place| place.to_str().ok()).unwrap_or("another place");
    let place = place.split("/info/refs").next().unwrap_or_default();
    refuse(StatusCode::BAD_GATEWAY, format_args!("the repository has moved to {place}; use that address"))
}

/// A refusal as git shows it: it prints plain text as `remote: …`.
fn refuse(status: StatusCode, why: impl fmt::Display) -> Response {
    let body = Bytes::from(format!("Caisson: {why}\n"));
    (status, [(header::CONTENT_TYPE, "text/plain")], body).into_response()
}

#[cfg(test)]
mod tests;
