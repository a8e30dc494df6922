//! Why a command did not do what it was asked, and the exit code that tells a script.

use std::{io, process::ExitCode};

use api::error::ApiError;
use jsonrpsee::core::client::Error as RpcError;

/// The run failed, or something on this machine did.
pub(super) const FAILED: u8 = 1;
/// The command line makes no sense.
pub(super) const USAGE: u8 = 2;
const UNREACHABLE: u8 = 3;
const REFUSED: u8 = 4;

/// Why a command failed. Its text is for people: what happened, and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The arguments cannot be right.
    #[error("{0}")]
    Usage(String),
    /// No connection.
    #[error("the server at {address} cannot be reached: {why}. Is `caisson serve` running there?")]
    Unreachable { address: String, why: String },
    /// The connection went away during a call.
    #[error("the connection to the server was lost: {0}")]
    Cut(String),
    /// The server refused the call.
    #[error("{}", refusal(.0))]
    Refused(ApiError),
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// The server answered with an error of its protocol, or with something this client cannot read.
    #[error(
        "the server does not understand this client, or the other way round ({0}); compare `caisson --version` with `caisson doctor`"
    )]
    Protocol(String),
    /// Something on this machine went wrong.
    #[error("{0}")]
    Local(String),
    /// Whoever read our output has gone; nobody is left to tell.
    #[error("the output was closed")]
    Closed,
    /// The terminal or the file we write to.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// The exit code for this failure.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Unreachable { .. } | Self::Cut(_) => UNREACHABLE,
            Self::Refused(_) | Self::NotFound(_) | Self::Protocol(_) => REFUSED,
            Self::Local(_) | Self::Output(_) => FAILED,
            Self::Closed => 0,
        }
    }

    /// The server's own failure, with everything that led to it.
    pub(super) fn serve(error: anyhow::Error) -> Self {
        Self::Local(format!("{error:#}"))
    }

    /// Whether trying again later is of no use.
    pub(super) const fn is_permanent(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Cut(_) => false,
            Self::Refused(error) => match error {
                ApiError::Invalid { .. }
                | ApiError::Unauthenticated { .. }
                | ApiError::NotFound { .. }
                | ApiError::Forbidden { .. }
                | ApiError::Conflict { .. } => true,
                ApiError::Internal { .. } | ApiError::Unavailable { .. } | ApiError::Limit { .. } => false,
            },
            Self::Usage(_)
            | Self::NotFound(_)
            | Self::Protocol(_)
            | Self::Local(_)
            | Self::Closed
            | Self::Output(_) => true,
        }
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        if let Some(refused) = ApiError::of(&error) {
            return Self::Refused(refused);
        }
        match error {
            RpcError::Call(_) | RpcError::ParseError(_) => Self::Protocol(error.to_string()),
            RpcError::RequestTimeout => Self::Cut("no answer within 60 seconds".to_owned()),
            RpcError::RestartNeeded(cause) => Self::Cut(cause.to_string()),
            other => Self::Cut(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Output(error),
        }
    }
}

fn refusal(error: &ApiError) -> String {
    match error {
        ApiError::Unauthenticated { .. } => {
            format!("{error}. Set CAISSON_TOKEN (or --token-file) to a token of this server")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_the_exit_code_of_the_contract() {
        let refused = Failure::Refused(ApiError::NotFound { what: "run".into(), id: "1".into() });
        let unreachable = Failure::Unreachable { address: "http://x".into(), why: "refused".into() };
        let codes = [
            (Failure::Local("x".into()), 1),
            (Failure::Usage("x".into()), 2),
            (unreachable, 3),
            (Failure::Cut("x".into()), 3),
            (refused, 4),
            (Failure::NotFound("x".into()), 4),
            (Failure::Protocol("x".into()), 4),
            (Failure::Closed, 0),
        ];
        for (failure, code) in codes {
            assert_eq!(failure.code(), code, "{failure}");
        }
    }

    #[test]
    fn an_error_of_the_server_keeps_its_meaning() {
        let error = ApiError::Conflict { why: "the run has ended".into() };
        let failure = Failure::from(RpcError::Call(error.clone().into()));
        assert!(matches!(failure, Failure::Refused(refused) if refused == error));
    }

    #[test]
    fn a_reader_that_goes_away_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(failure, Failure::Closed));
    }
}
