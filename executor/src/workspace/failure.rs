//! What libgit2's errors mean to people: a closed list of kinds and a sentence.

use std::io;

use api::executor::{GitFailure, GitFailureCode, Told, words};
use git2::{Error, ErrorClass, ErrorCode};

/// How libgit2 begins what a remote says of an error: in the place of its references or of a pack, and of a push.
const REMOTE: [&str; 2] = ["remote error: ", "report-status: Error reported: "];

/// A failure with this kind and sentence.
pub(super) fn new(code: GitFailureCode, message: impl Into<String>) -> GitFailure {
    GitFailure { code, message: message.into() }
}

/// For `map_err` on what the system refuses.
pub(super) fn system(doing: &'static str) -> impl Fn(io::Error) -> GitFailure {
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => disk_full(),
        _ => new(GitFailureCode::Other, format!("{doing}: {error}")),
    }
}

/// Reads an error.
pub(super) fn of(error: &Error) -> GitFailure {
    told(error).failure
}

/// Reads an error, and how long the remote asks to wait. libgit2 gives HTTP statuses and the system's errors only
/// in its text.
pub(super) fn told(error: &Error) -> Told {
    let text = error.message();
    // What the broker or the remote answers in the place of what was asked for.
    if let Some(said) = REMOTE.iter().find_map(|mark| text.strip_prefix(mark)) {
        let said = words(said.as_bytes());
        let remote = || new(GitFailureCode::Network, format!("the remote says: {said}")).into();
        return Told::read(&said).unwrap_or_else(remote);
    }
    let status = text.strip_prefix("unexpected http status code: ").and_then(|status| status.parse().ok());
    let failure = match (error.code(), error.class(), status) {
        (ErrorCode::Auth, ..) => of_status(401),
        (_, _, Some(status)) => of_status(status),
        (ErrorCode::NotFastForward, ..) => {
            new(GitFailureCode::Rejected, "the remote's branch holds commits that are not in this repository")
        }
        _ if text.contains("object format") || text.contains("oid type") => new(
            GitFailureCode::Other,
            "the repository uses SHA-256 object names, which Caisson cannot work with: use one with SHA-1 names",
        ),
        (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssl, _)
        | (ErrorCode::Eof | ErrorCode::Timeout, ..) => {
            new(GitFailureCode::Interrupted, format!("the transfer failed: {text}"))
        }
        _ if text.contains("No space left on device") || text.contains("Disk quota exceeded") => disk_full(),
        _ => new(GitFailureCode::Other, format!("git failed: {text}")),
    };
    failure.into()
}

/// What an HTTP status means that came without words.
fn of_status(status: u16) -> GitFailure {
    match status {
        401 | 403 => new(
            GitFailureCode::AuthRequired,
            "the repository wants a credential, or refuses the one it was given: check that the server's git \
             token is set, not expired, and may read and write this repository",
        ),
        404 => new(
            GitFailureCode::NotFound,
            "there is no such repository, or the server's git token may not see it",
        ),
        507 => new(GitFailureCode::Network, "the remote's disk is full"),
        408 | 429 | 500..=504 => new(
            GitFailureCode::Interrupted,
            format!("the repository's server answered with HTTP status {status}"),
        ),
        status => new(GitFailureCode::Network, format!("the remote answered with HTTP status {status}")),
    }
}

pub(super) fn disk_full() -> GitFailure {
    new(GitFailureCode::DiskFull, "the container's disk is full")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_says_is_told_in_its_words() {
        let told = |text: &str| {
            super::told(&Error::new(ErrorCode::GenericError, ErrorClass::Net, text)).failure.message
        };
        assert_eq!(told("remote error: Caisson: the server has moved"), "the server has moved");
        assert_eq!(told("remote error: no such thing\n"), "the remote says: no such thing");
        assert_eq!(told("remote error: Caisson (not_found): there is none"), "there is none");
        assert_eq!(told("early EOF"), "the transfer failed: early EOF");
    }
}
