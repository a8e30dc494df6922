//! Requests to the executor: the address, the token, the time limits, and what a refusal looks like.

use std::time::Duration;

use api::executor::{Failure, InitGitResult};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE},
    http::request,
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::{Dial, Error};

/// For the text of a refusal.
const REFUSAL: Duration = Duration::from_secs(5);
/// What stands where a URL has a host: which executor is asked is the dial's matter.
pub(super) const HOST: &str = "executor";
/// Until a stream begins: the executor may have to start an agent first.
const BEGIN: Duration = Duration::from_secs(120);
/// The largest answer that is read whole, in bytes: 100 checks with 16 KiB of output each, escaped.
const ANSWER: usize = 32 << 20;

/// What is asked of the executor.
pub(super) struct Ask<'a> {
    method: Method,
    /// Segment by segment.
    path: &'a [&'a str],
    query: Option<(&'a str, u64)>,
    /// JSON, or nothing.
    body: Vec<u8>,
}

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a [&'a str]) -> Self {
        Self { method: Method::GET, path, query: None, body: Vec::new() }
    }

    /// A POST without a body.
    pub(super) fn post(path: &'a [&'a str]) -> Self {
        Self { method: Method::POST, ..Self::get(path) }
    }

    /// A PUT without a body.
    pub(super) fn put(path: &'a [&'a str]) -> Self {
        Self { method: Method::PUT, ..Self::get(path) }
    }

    pub(super) fn query(self, name: &'a str, value: u64) -> Self {
        Self { query: Some((name, value)), ..self }
    }

    pub(super) fn body(self, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Protocol(error.to_string()))?;
        Ok(Self { body, ..self })
    }
}

/// The connections to one executor.
#[derive(Clone)]
pub(super) struct Http {
    pub(super) dial: Dial,
    token: String,
    client: Client<Dial, Full<Bytes>>,
}

impl Http {
    pub(super) fn new(dial: Dial, token: String) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(dial.clone());
        Self { dial, token, client }
    }

    /// Asks, and reads the whole answer `within` this time.
    pub(super) async fn call<T: DeserializeOwned>(&self, ask: Ask<'_>, within: Duration) -> Result<T, Error> {
        let name = ask.path.join("/");
        let answer = self.bytes(ask, within, ANSWER).await?;
        serde_json::from_slice(&answer).map_err(|error| Error::Protocol(format!("/{name}: {error}")))
    }

    /// Asks for something that has no answer but that it is done.
    pub(super) async fn tell(&self, ask: Ask<'_>, within: Duration) -> Result<(), Error> {
        self.bytes(ask, within, ANSWER).await.map(drop)
    }

    /// Asks for a stream. It has no time limit once it has begun.
    pub(super) async fn open(&self, ask: Ask<'_>) -> Result<Incoming, Error> {
        let answer = tokio::time::timeout(BEGIN, self.send(ask)).await.map_err(|_| late(BEGIN))??;
        Ok(answer.into_body())
    }

    /// Asks, and reads an answer of at most `limit` bytes `within` this time.
    pub(super) async fn bytes(&self, ask: Ask<'_>, within: Duration, limit: usize) -> Result<Bytes, Error> {
        let asked = async { whole(self.send(ask).await?, limit).await };
        tokio::time::timeout(within, asked).await.map_err(|_| late(within))?
    }

    async fn send(&self, ask: Ask<'_>) -> Result<Response<Incoming>, Error> {
        let request = self.request(&ask)?.header(CONTENT_TYPE, "application/json");
        let request =
            request.body(Full::from(ask.body)).map_err(|error| Error::Protocol(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| unreachable(&error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(refused(answer).await) }
    }

    /// A request to this executor with the token, still without its body.
    pub(super) fn request(&self, ask: &Ask<'_>) -> Result<request::Builder, Error> {
        let mut url =
            Url::parse(&format!("http://{HOST}")).map_err(|error| Error::Protocol(error.to_string()))?;
        // An execution's id is one segment, whatever is in it.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(ask.path);
        }
        if let Some((name, value)) = ask.query {
            url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        let bearer = format!("Bearer {}", self.token);
        Ok(Request::builder().method(ask.method.clone()).uri(url.as_str()).header(AUTHORIZATION, bearer))
    }
}

/// What a status other than the expected one says.
pub(super) async fn refused(answer: Response<Incoming>) -> Error {
    let status = answer.status();
    let body = match tokio::time::timeout(REFUSAL, whole(answer, ANSWER)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return error,
        Err(_) => return late(REFUSAL),
    };
    Error::Refused { status: status.as_u16(), failure: failure(status, &body) }
}

/// A refusal that is not in the contract's form comes from below the executor's own handlers.
fn failure(status: StatusCode, body: &[u8]) -> Failure {
    if let Ok(failure) = serde_json::from_slice(body) {
        return failure;
    }
    if let Ok(InitGitResult { message, .. }) = serde_json::from_slice(body) {
        return Failure { error: message, git: None };
    }
    let text: String = String::from_utf8_lossy(body).chars().take(500).collect();
    let error = if text.trim().is_empty() { status.to_string() } else { text };
    Failure { error, git: None }
}

async fn whole(answer: Response<Incoming>, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(answer.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::Protocol(format!("an answer of more than {limit} bytes")))
        }
        Err(error) => Err(unreachable(error.as_ref())),
    }
}

fn late(within: Duration) -> Error {
    Error::Unreachable(format!("no answer within {} seconds", within.as_secs()))
}

/// An error and what caused it: the outermost alone says only "client error".
pub(super) fn unreachable(error: &(dyn std::error::Error + 'static)) -> Error {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    Error::Unreachable(texts.join(": "))
}
