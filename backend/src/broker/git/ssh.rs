//! Git over SSH, spoken by the gateway itself: the container speaks smart HTTP to the gateway, and the
//! key never leaves this process.

mod advertisement;
mod body;
mod exchange;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod identity;
mod known_hosts;
mod session;

use api::executor::GitFailureCode as Code;

pub(super) use self::{body::BodyError, exchange::answer, identity::Identity, known_hosts::KnownHosts};
use super::{trouble::Trouble, way::Refused};

/// Why the SSH server did not do what it was asked; never contains a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    NotAllowed(Refused),
    #[error("the SSH server {host} could not be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("the SSH server {host} did not answer in time")]
    TimedOut { host: String },
    #[error(
        "the SSH server {host} shows a key that is not among its known hosts, {fingerprint}: someone may be in between, or its key was changed; Caisson's operator decides"
    )]
    UnknownHostKey { host: String, fingerprint: String },
    #[error("the SSH server {host} refuses Caisson's key for the user {user}")]
    KeyRefused { host: String, user: String },
    #[error("the SSH server {host} broke off: {why}")]
    BrokenOff { host: String, why: String },
    #[error("the SSH server said: {0}")]
    Refused(String),
    #[error("the request cannot be passed on: {0}")]
    Request(String),
    #[error("{0} is not git's protocol")]
    Malformed(&'static str),
}

impl Error {
    /// What git in the container is told: that it is not there, not open to Caisson, or not reachable.
    pub(super) fn into_trouble(self) -> Trouble {
        let code = match self {
            Self::Refused(_) => Code::NotFound,
            Self::KeyRefused { .. } => Code::AuthRequired,
            Self::Request(_) | Self::NotAllowed(_) => Code::Other,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::BrokenOff { .. } => Code::Interrupted,
            Self::UnknownHostKey { .. } | Self::Malformed(_) => Code::Network,
        };
        Trouble::new(code, self.to_string())
    }
}
