//! The connection to the engine: made when first needed, its API version agreed on once, its errors told in our words.

use std::{sync::Arc, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error as Cause};
use tokio::sync::OnceCell;

use super::Error;

/// Where an engine listens when `DOCKER_HOST` does not say.
const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";
/// In seconds, until the engine begins to answer. Making a container on a busy disk is the slowest.
const ANSWER_SECONDS: u64 = 120;
/// How long an engine that is there may take to tell its version.
const HELLO: Duration = Duration::from_secs(5);

/// One engine.
#[derive(Clone)]
pub(super) struct Engine {
    address: Arc<str>,
    /// Filled by the first call that reaches the engine; until then each call tries again.
    docker: Arc<OnceCell<Docker>>,
}

impl Engine {
    /// The engine at `address`, which need not be up. Errors when no engine can be at such an address.
    pub(super) fn new(address: Option<String>) -> Result<Self, Error> {
        let address = address.filter(|it| !it.is_empty()).unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        if !["unix://", "tcp://", "http://"].iter().any(|scheme| address.starts_with(scheme)) {
            return Err(Error::Refused {
                why: format!("DOCKER_HOST={address} is not supported; give it as unix:// or tcp://"),
            });
        }
        Ok(Self { address: address.into(), docker: Arc::default() })
    }

    /// The client, in an API version the engine knows.
    pub(super) async fn docker(&self) -> Result<&Docker, Error> {
        self.docker.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Docker, Error> {
        let docker = if self.address.starts_with("unix://") {
            Docker::connect_with_unix(&self.address, ANSWER_SECONDS, API_DEFAULT_VERSION)
        } else {
            Docker::connect_with_http(&self.address, ANSWER_SECONDS, API_DEFAULT_VERSION)
        };
        let docker = docker.map_err(|cause| self.error(cause))?;
        self.hello(docker.negotiate_version()).await
    }

    /// Waits for a call that a healthy engine answers at once.
    pub(super) async fn hello<T>(&self, call: impl Future<Output = Result<T, Cause>>) -> Result<T, Error> {
        match tokio::time::timeout(HELLO, call).await {
            Ok(answer) => answer.map_err(|cause| self.error(cause)),
            Err(_) => Err(self.error(Cause::RequestTimeoutError)),
        }
    }

    /// What `cause` means when nothing more is known about the call.
    pub(super) fn error(&self, cause: Cause) -> Error {
        match cause {
            Cause::DockerResponseServerError { message, .. } => Error::Refused { why: message },
            Cause::RequestTimeoutError => self.away("it does not answer"),
            Cause::SocketNotFoundError(_) => self.away("there is no such socket"),
            Cause::IOError { .. } | Cause::HyperResponseError { .. } | Cause::HyperLegacyError { .. } => {
                self.away(&chain(&cause))
            }
            other => Error::Refused { why: chain(&other) },
        }
    }

    /// The engine is not there, for this reason.
    pub(super) fn away(&self, why: &str) -> Error {
        Error::EngineAway { why: format!("{}: {why}", self.address) }
    }
}

/// The HTTP status the engine refused with.
pub(super) fn status(cause: &Cause) -> Option<u16> {
    match cause {
        Cause::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// An error and what caused it: the outermost alone often says only "client error".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
