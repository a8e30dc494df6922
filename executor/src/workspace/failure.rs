//! What libgit2's errors mean to people: a closed list of kinds and a sentence.

use std::io;

use api::executor::{GitFailure, GitFailureCode};
use git2::{Error, ErrorClass, ErrorCode};

/// How libgit2 begins what a remote says of an error.
const REMOTE: &str = "remote error: ";

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

/// Reads an error. libgit2 gives HTTP statuses and the system's errors only in its text.
pub(super) fn of(error: &Error) -> GitFailure {
    let text = error.message();
    let status =
        text.strip_prefix("unexpected http status code: ").and_then(|status| status.parse::<u16>().ok());
    match (error.code(), error.class(), status) {
        (ErrorCode::Auth, ..) | (_, _, Some(401 | 403)) => new(
            GitFailureCode::AuthRequired,
            "the repository wants a credential, or refuses the one it was given: check that the server's git \
             token is set, not expired, and may read and write this repository",
        ),
        (_, _, Some(404)) => new(
            GitFailureCode::NotFound,
            "there is no such repository, or the server's git token may not see it",
        ),
        // What the broker answers when the address is wrong or the machine is away.
        (_, _, Some(502..=504)) => new(
            GitFailureCode::Network,
            "the repository's server cannot be reached: check the address and that the machine is up",
        ),
        (_, _, Some(507)) => new(GitFailureCode::Network, "the remote's disk is full"),
        (_, _, Some(status)) => {
            new(GitFailureCode::Network, format!("the remote answered with HTTP status {status}"))
        }
        // What the broker or the remote answers in the place of its references.
        _ if text.starts_with(REMOTE) => {
            let said = text[REMOTE.len()..].trim();
            let message = said.strip_prefix("Caisson: ").map(str::to_owned);
            new(GitFailureCode::Network, message.unwrap_or_else(|| format!("the remote says: {said}")))
        }
        (ErrorCode::NotFastForward, ..) => {
            new(GitFailureCode::Rejected, "the remote's branch holds commits that are not in this repository")
        }
        (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssl, _)
        | (ErrorCode::Eof | ErrorCode::Timeout, ..) => {
            new(GitFailureCode::Interrupted, format!("the transfer failed: {text}"))
        }
        _ if text.contains("No space left on device") || text.contains("Disk quota exceeded") => disk_full(),
        _ => new(GitFailureCode::Other, format!("git failed: {text}")),
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
        let told = |text: &str| of(&Error::new(ErrorCode::GenericError, ErrorClass::Net, text)).message;
        assert_eq!(told("remote error: Caisson: the server has moved"), "the server has moved");
        assert_eq!(told("remote error: no such thing\n"), "the remote says: no such thing");
        assert_eq!(told("early EOF"), "the transfer failed: early EOF");
    }
}
