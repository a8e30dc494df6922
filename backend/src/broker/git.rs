//! The git gateway: a run reads its repositories and pushes to its own branch, with a credential that
//! never enters its container. The container speaks smart HTTP; the git server HTTP or SSH.

mod credentials;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod pkt_line;
mod push;
mod report;
mod ssh;
mod target;

use std::{fmt, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use url::Url;

pub(super) use self::credentials::Credentials;
pub use self::credentials::Error;
use self::{
    ssh::BodyError,
    target::{Part, Service, Target},
};
use super::{Access, Broker, Parts, headers, redact::Redactor};

/// What a request or an answer carries.
type Pieces = BoxStream<'static, Result<Bytes, BodyError>>;

struct Gateway {
    broker: Broker,
    access: Access,
}

/// The git requests of one run.
pub(super) fn router(broker: Broker, access: Access) -> Router {
    Router::new().route("/git/{*rest}", any(answer)).with_state(Arc::new(Gateway { broker, access }))
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let Some(target) = Target::read(request.method(), request.uri()) else {
        return refuse(StatusCode::FORBIDDEN, "Caisson's git gateway speaks git's smart HTTP protocol only");
    };
    let Some(repository) = gateway.access.repository_of(&target) else {
        let own = &gateway.access.repository;
        return refuse(StatusCode::FORBIDDEN, format_args!("this run may use the repository {own} only"));
    };
    if target.service == Service::ReceivePack && *repository != gateway.access.repository {
        return refuse(StatusCode::FORBIDDEN, format_args!("this run may only read {repository}"));
    }
    let (parts, body) = request.into_parts();
    let body = body.into_data_stream().map_err(BodyError::new).boxed();
    match (target.part, target.service) {
        (Part::References, _) => gateway.forward(&target, repository, &parts.headers, None).await,
        (Part::Exchange, Service::UploadPack) => {
            gateway.forward(&target, repository, &parts.headers, Some(body)).await
        }
        (Part::Exchange, Service::ReceivePack) => gateway.push(&target, &parts.headers, body).await,
    }
}

impl Access {
    /// Which of the run's repositories the request is about, by the address Caisson knows it by.
    fn repository_of(&self, target: &Target) -> Option<&Url> {
        let mut all = std::iter::once(&self.repository).chain(&self.readable);
        all.find(|repository| target.is_in(repository))
    }
}

impl Gateway {
    /// Reads which branches a push wants to change before anything of it leaves.
    async fn push(&self, target: &Target, headers: &HeaderMap, mut body: Pieces) -> Response {
        // What is packed cannot be judged, and git does not pack pushes.
        if headers.contains_key(header::CONTENT_ENCODING) {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a push must not have a content encoding");
        }
        let (head, read) = match push::Head::read(&mut body).await {
            Ok(head) => head,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, error),
        };
        if head.is_allowed(&self.access.branch) {
            let whole = stream::once(async { Ok(read) }).chain(body).boxed();
            return self.forward(target, &self.access.repository, headers, Some(whole)).await;
        }
        tracing::info!(run.id = %self.access.run, "a push to another branch than the run's was refused");
        // A client that is still sending would not read the answer.
        push::discard(body).await;
        report::refusal(&head, &self.access.branch)
    }

    /// Asks the repository itself.
    async fn forward(
        &self,
        target: &Target,
        repository: &Url,
        headers: &HeaderMap,
        body: Option<Pieces>,
    ) -> Response {
        match repository.scheme() {
            "ssh" => self.over_ssh(target, repository, headers, body).await,
            _ => self.over_http(target, repository, headers, body).await,
        }
    }

    async fn over_ssh(
        &self,
        target: &Target,
        repository: &Url,
        headers: &HeaderMap,
        body: Option<Pieces>,
    ) -> Response {
        let Some(identity) = self.broker.0.git.identity(repository) else {
            let host = repository.host_str().unwrap_or_default();
            return refuse(StatusCode::FORBIDDEN, format_args!("there is no SSH key for {host}"));
        };
        let body = body.unwrap_or_else(|| stream::empty().boxed());
        match ssh::answer(identity, repository, target, headers, body).await {
            Ok(answer) => answer,
            Err(error) => {
                let host = repository.host_str().unwrap_or_default();
                tracing::warn!(run.id = %self.access.run, git.host = host, %error, "git over SSH failed");
                match target.part {
                    Part::References => report::no_references(target.service, error),
                    Part::Exchange => refuse(error.status(), error),
                }
            }
        }
    }

    /// What it answers is passed on as it is, except for a redirect and what repeats a credential.
    async fn over_http(
        &self,
        target: &Target,
        repository: &Url,
        headers: &HeaderMap,
        body: Option<Pieces>,
    ) -> Response {
        let url = target.upstream(repository);
        let host = url.host_str().unwrap_or_default().to_owned();
        match self.call(url, headers, body.map(reqwest::Body::wrap_stream)).send().await {
            Ok(answer) if answer.status().is_redirection() => self.moved(target, answer.headers()),
            Ok(answer) => {
                let (status, headers) = (answer.status(), headers::of_response(answer.headers()));
                // Packs are not searched: there is nothing of the request in them.
                let is_pack = status.is_success();
                let filter = if is_pack { Redactor::default() } else { self.broker.0.git.redactor() };
                let headers = self.broker.0.git.redactor().headers(headers);
                (status, headers, filter.body(answer.bytes_stream())).into_response()
            }
            Err(error) => {
                let error = error.without_url();
                tracing::warn!(run.id = %self.access.run, git.host = host, %error, "a git server does not answer");
                refuse(StatusCode::BAD_GATEWAY, format_args!("the git server {host} could not be reached"))
            }
        }
    }

    /// A redirect is not followed: it would take the credential, and the run, to a place nobody chose.
    fn moved(&self, target: &Target, headers: &HeaderMap) -> Response {
        let place = headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
        let place = place.unwrap_or("another place").split("/info/refs").next().unwrap_or_default();
        let place = self.broker.0.git.redactor().text(place);
        let why = format!("the repository has moved to {place}; use that address");
        match target.part {
            Part::References => report::no_references(target.service, why),
            Part::Exchange => refuse(StatusCode::BAD_GATEWAY, why),
        }
    }

    /// The request to the git server, with the credential that is for it.
    fn call(&self, url: Url, headers: &HeaderMap, body: Option<reqwest::Body>) -> reqwest::RequestBuilder {
        let Parts { client, git, .. } = &*self.broker.0;
        let shown = git.authorization(&url).cloned();
        let call = match body {
            Some(body) => client.post(url).body(body),
            None => client.get(url),
        };
        let call = call.headers(headers::of_git_request(headers));
        match shown {
            Some(shown) => call.header(header::AUTHORIZATION, shown),
            None => call,
        }
    }
}

/// A refusal as git shows it: it prints plain text as `remote: …`.
fn refuse(status: StatusCode, why: impl fmt::Display) -> Response {
    let body = Bytes::from(format!("Caisson: {why}\n"));
    (status, [(header::CONTENT_TYPE, "text/plain")], body).into_response()
}

#[cfg(test)]
mod tests;
