//! The connection to the engine: made when first needed, its API version agreed on once, its errors in our words.

use std::{sync::Arc, time::Duration};

use bollard::{Docker as Client, errors::Error as Cause};
use tokio::sync::OnceCell;

use super::{Error, address::Address};

/// How long an engine that is there may take to tell its version.
const HELLO: Duration = Duration::from_secs(5);

/// One engine.
#[derive(Clone)]
pub(super) struct Connection {
    address: Arc<Address>,
    /// Filled by the first call that reaches the engine; until then each call tries again.
    client: Arc<OnceCell<Client>>,
}

impl Connection {
    /// The engine at `address`, which need not be up.
    pub(super) fn new(address: Address) -> Self {
        Self { address: address.into(), client: Arc::default() }
    }

    /// The client, in an API version the engine knows.
    pub(super) async fn client(&self) -> Result<&Client, Error> {
        self.client.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Client, Error> {
        let client = self.address.client().map_err(|cause| self.error(cause))?;
        self.hello(client.negotiate_version()).await
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
