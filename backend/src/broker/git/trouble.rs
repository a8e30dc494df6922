//! Why a git server did not do what it was asked: a sentence with the remedy, and the server's own words.

use api::executor::{GitFailure, GitFailureCode as Code, Told, words};
use axum::http::{HeaderMap, StatusCode, header};

use super::page;

/// A failure at a git server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What kind of failure.
    pub(super) code: Code,
    /// What happened and what to do.
    pub(super) sentence: String,
    /// How long the server asks to wait, in seconds.
    pub(super) retry_after: Option<u64>,
    /// What the server says itself; empty when nothing.
    pub(super) words: String,
    /// The status it came with.
    pub(super) answered: Option<StatusCode>,
}

impl Trouble {
    pub(super) fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), retry_after: None, words: String::new(), answered: None }
    }

    /// What an answer means that is no success.
    pub(super) fn of_answer(host: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let (code, sentence) = of_status(host, status);
        let retry_after =
            headers.get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let is_page =
            headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let words = if is_page { page::words(body) } else { words(body) };
        Self { code, sentence, retry_after, words, answered: Some(status) }
    }

    /// As it passes through git's protocol, whole.
    pub(super) fn told(&self) -> Told {
        Told { failure: self.failure(), retry_after: self.retry_after }
    }

    /// The same without the server's words, which go another way.
    pub(super) fn told_in_a_line(&self) -> Told {
        let failure = GitFailure { code: self.code, message: self.sentence.clone() };
        Told { failure, retry_after: self.retry_after }
    }

    /// As people are told.
    pub(super) fn failure(&self) -> GitFailure {
        self.told_in_a_line().failure.saying(&self.words)
    }

    /// The status for a client that cannot be told otherwise.
    pub(super) const fn status(&self) -> StatusCode {
        match self.code {
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AuthRequired => StatusCode::FORBIDDEN,
            Code::Rejected => StatusCode::PAYLOAD_TOO_LARGE,
            Code::Other => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

fn of_status(host: &str, status: StatusCode) -> (Code, String) {
    let number = status.as_u16();
    let between = "or a proxy in front of it";
    match number {
        401 => (
            Code::AuthRequired,
            format!(
                "the git server {host} wants a credential, or refuses the one it was given: check that the one in \
                 GITHUB_TOKEN or CAISSON_GIT_CREDENTIALS is set, not expired, and may use this repository"
            ),
        ),
        403 => (
            Code::AuthRequired,
            format!(
                "the git server {host} does not allow this with Caisson's credential: check what that may do in this \
                 repository"
            ),
        ),
        404 => (
            Code::NotFound,
            "there is no such repository, or the server's git token may not see it: check the address and the token"
                .to_owned(),
        ),
        408 | 502 | 504 => (
            Code::Interrupted,
            format!("the git server {host} could not be reached in time, {between} gave up (HTTP status {number})"),
        ),
        411 => (
            Code::Other,
            format!(
                "the git server {host}, {between}, takes no push without its length (HTTP status 411), and this one is \
                 too large to be held until that is known"
            ),
        ),
        413 => (
            Code::Rejected,
            format!(
                "the git server {host}, {between}, takes no push as large as this one (HTTP status 413): its operator \
                 raises the limit (in nginx `client_max_body_size`, in a Kubernetes ingress `proxy-body-size`)"
            ),
        ),
        429 => (Code::Interrupted, format!("the git server {host} has had too many requests (HTTP status 429)")),
        500 | 503 => (Code::Interrupted, format!("the git server {host} is in trouble (HTTP status {number})")),
        507 => (Code::Network, "the remote's disk is full".to_owned()),
        _ => (Code::Network, format!("the git server {host} answered with HTTP status {number}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, kind: &str, body: &[u8]) -> Trouble {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        headers.insert(header::RETRY_AFTER, "7".parse().unwrap());
        Trouble::of_answer("git.example", StatusCode::from_u16(status).unwrap(), &headers, body)
    }

    #[test]
    fn a_status_becomes_a_sentence_and_the_body_its_words() {
        let trouble = of(403, "text/plain", b"remote: This repository was archived\nso it is read-only.");
        let GitFailure { code, message } = trouble.failure();
        assert_eq!(code, Code::AuthRequired);
        let words = "The remote says:\nremote: This repository was archived\nso it is read-only.";
        assert!(
            message.starts_with("the git server git.example does not allow") && message.ends_with(words),
            "{message}"
        );
        assert_eq!(of(503, "text/html", b"<title>Down</title>").words, "Down");
    }

    #[test]
    fn only_short_trouble_is_worth_another_try() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(of(status, "text/plain", b"").failure().is_short(), "{status}");
        }
        for status in [400, 401, 403, 404, 410, 411, 413, 418, 422, 507] {
            assert!(!of(status, "text/plain", b"").failure().is_short(), "{status}");
        }
        assert_eq!(of(429, "text/plain", b"").told().retry_after, Some(7));
    }
}
