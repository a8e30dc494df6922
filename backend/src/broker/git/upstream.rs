//! Asks a repository's own server, over HTTP or SSH. Whatever is no answer of git comes back as words.

use std::time::Duration;

use api::executor::GitFailureCode as Code;
use axum::{
    body::Body as HttpBody,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream, stream::BoxStream};
use url::Url;

use super::{
    Pieces,
    body::{Body, SMALL},
    opening, ssh,
    target::{Part, Service, Target},
    trouble::Trouble,
    way::{self, Refused},
};
use crate::broker::{Broker, headers, redact::Redactor};

/// The most of an error's body that is read, in bytes, and for how long.
const MOST_SAID: usize = 64 << 10;
const TIME_TO_SAY: Duration = Duration::from_secs(10);

/// A request for a repository's server.
pub(super) struct Ask<'a> {
    pub(super) target: &'a Target,
    pub(super) repository: &'a Url,
    /// The client's.
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Option<Pieces>,
    /// Whether the server wants to know the length of what it is sent.
    pub(super) with_length: bool,
}

impl Broker {
    /// Asks the repository's server.
    ///
    /// # Errors
    /// Whatever git cannot read.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Response, Trouble> {
        match ask.repository.scheme() {
            "ssh" => self.over_ssh(ask).await,
            _ => self.over_http(ask).await,
        }
    }

    async fn over_ssh(&self, ask: Ask<'_>) -> Result<Response, Trouble> {
        let Ask { target, repository, headers, body, .. } = ask;
        let host = repository.host_str().unwrap_or_default();
        let Some(identity) = self.0.git.identity(repository) else {
            return Err(Trouble::new(Code::AuthRequired, format!("there is no SSH key for {host}")));
        };
        let body = body.unwrap_or_else(|| stream::empty().boxed());
        ssh::answer(&self.0.way, identity, repository, target, headers, body)
            .await
            .map_err(ssh::Error::into_trouble)
    }

    /// What it answers is passed on as it is, except for what repeats a credential.
    async fn over_http(&self, ask: Ask<'_>) -> Result<Response, Trouble> {
        let url = ask.target.upstream(ask.repository);
        let host = url.host_str().unwrap_or_default().to_owned();
        let body = match ask.body {
            Some(body) => Some(Body::gather(body, ask.with_length).await.map_err(|error| {
                Trouble::new(Code::Other, format!("the request cannot be passed on to {host}: {error}"))
            })?),
            None => None,
        };
        // A push is not sent again without looking whether it arrived.
        let again = ask.target.part == Part::References || ask.target.service == Service::UploadPack;
        let spare = body.as_ref().and_then(Body::again);
        let again = again && (body.is_none() || spare.is_some());
        let is_large =
            body.as_ref().is_some_and(|body| body.length().is_none_or(|length| SMALL as u64 <= length));
        let client = self.0.way.client(&url).await.map_err(|refused| not_allowed(&refused))?;
        let mut answer = self.call(client, url.clone(), ask.headers, body).send().await;
        // Most likely a connection kept from before, which the server has closed meanwhile.
        if answer
            .as_ref()
            .is_err_and(|error| error.is_request() && !error.is_connect() && !error.is_timeout())
            && again
        {
            answer = self.call(client, url, ask.headers, spare).send().await;
        }
        let answer = answer.map_err(|error| {
            if let Some(refused) = way::refusal(&error) {
                return not_allowed(refused);
            }
            let why = innermost(&error);
            tracing::warn!(git.host = host, why, "a git server does not answer");
            let sentence = match is_large && !error.is_connect() {
                // Some refuse it by hanging up, and then their answer is lost.
                true => format!(
                    "the git server {host}, or a proxy in front of it, hung up during a push of more than 1 MB ({why}): \
                     if it always does, it may limit how large a push is (in nginx `client_max_body_size`)"
                ),
                false => format!("the git server {host} could not be reached ({why})"),
            };
            Trouble::new(Code::Interrupted, sentence)
        })?;
        self.read(ask.target, &host, answer).await
    }

    async fn read(
        &self,
        target: &Target,
        host: &str,
        answer: reqwest::Response,
    ) -> Result<Response, Trouble> {
        let (status, redactor) = (answer.status(), self.0.git.redactor());
        if status.is_redirection() {
            return Err(moved(&redactor, answer.headers()));
        }
        if status.is_success() {
            let is_git = opening::announced(target, answer.headers());
            let headers = redactor.headers(headers::of_response(answer.headers()));
            let body = if is_git { opened(target.part, answer.bytes_stream().boxed()).await } else { None };
            // Whatever else is there, nothing of it is shown.
            let body = body.ok_or_else(|| {
                tracing::warn!(git.host = host, status = status.as_u16(), "an answer that is not git's");
                let sentence =
                    format!("{host} does not answer as a git server does: check the repository's address");
                Trouble::new(Code::Network, sentence)
            })?;
            // Packs are not searched: there is nothing of the request in them.
            return Ok((status, headers, HttpBody::from_stream(body)).into_response());
        }
        let headers = answer.headers().clone();
        let said = redactor.bytes(beginning(answer).await);
        let trouble = Trouble::of_answer(host, status, &headers, &said);
        tracing::warn!(
            git.host = host,
            status = status.as_u16(),
            said = trouble.words,
            "a git server refuses"
        );
        Err(trouble)
    }

    /// The request to the git server, with the credential that is for it.
    pub(super) fn call(
        &self,
        client: &reqwest::Client,
        url: Url,
        headers: &HeaderMap,
        body: Option<Body>,
    ) -> reqwest::RequestBuilder {
        let shown = self.0.git.authorization(&url).cloned();
        let mut headers = headers::of_git_request(headers);
        let call = match body {
            Some(body) => {
                if let Some(length) = body.length() {
                    headers.insert(header::CONTENT_LENGTH, length.into());
                }
                client.post(url).body(body)
            }
            None => client.get(url),
        };
        let call = call.headers(headers);
        match shown {
            Some(shown) => call.header(header::AUTHORIZATION, shown),
            None => call,
        }
    }
}

/// An address that is not connected to.
fn not_allowed(refused: &Refused) -> Trouble {
    tracing::warn!(why = %refused, "a git server is not connected to");
    Trouble::new(Code::Other, refused.to_string())
}

type Received = BoxStream<'static, reqwest::Result<Bytes>>;

/// The body of an answer that begins as git's does; `None` if it does not.
async fn opened(part: Part, mut pieces: Received) -> Option<Received> {
    let mut held = BytesMut::new();
    loop {
        match opening::begins(part, &held) {
            Some(true) => return Some(stream::iter([Ok(held.freeze())]).chain(pieces).boxed()),
            Some(false) => return None,
            None => {}
        }
        match pieces.next().await {
            Some(Ok(piece)) => held.extend_from_slice(&piece),
            Some(Err(error)) => return Some(stream::iter([Err(error)]).boxed()),
            None => return opening::may_end(part, &held).then(|| stream::empty().boxed()),
        }
    }
}

/// A redirect is not followed: it would take the credential, and the run, to a place nobody chose.
fn moved(redactor: &Redactor, headers: &HeaderMap) -> Trouble {
    let place = headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
    let place = place.unwrap_or("another place").split("/info/refs").next().unwrap_or_default();
    let place = redactor.text(place);
    Trouble::new(Code::Network, format!("the repository has moved to {place}; use that address"))
}

/// The beginning of an answer's body, as far as it comes in time.
async fn beginning(answer: reqwest::Response) -> Vec<u8> {
    let (mut said, mut pieces) = (Vec::new(), answer.bytes_stream());
    let read = async {
        while let Some(Ok(piece)) = pieces.next().await {
            said.extend_from_slice(&piece[..piece.len().min(MOST_SAID - said.len())]);
            if said.len() == MOST_SAID {
                break;
            }
        }
    };
    // What came until then is what there is.
    let _ = tokio::time::timeout(TIME_TO_SAY, read).await;
    said
}

/// Why, in the words of the system: what is around it only repeats the address.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
