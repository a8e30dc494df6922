//! Container engines: what a driver needs of one, in words that fit any of them. Docker is the first.

mod container;
pub mod docker;
mod mount;

use std::{collections::HashSet, sync::Arc};

use api::id::{InstanceId, RunId};
use async_trait::async_trait;

pub use self::{
    container::{Exit, Limits, Live, Profile, Usage, Wanted},
    mount::Mount,
};

/// The engine of a server. A trait object: it is chosen once, at the start, and neither `App` nor a driver becomes
/// generic for it.
pub type Shared = Arc<dyn Engine>;

/// One container engine, as one server uses it. It remembers nothing of a container but what the engine itself keeps.
///
/// Every verb may be repeated. All fail with `EngineAway` while the engine cannot be reached.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The engine's name and version, if it answers within 5 seconds.
    async fn ping(&self) -> Result<String, Error>;

    /// Whether the engine has this image.
    async fn image_exists(&self, image: &str) -> Result<bool, Error>;

    /// Creates a container and starts it. If that fails, nothing of it is left.
    async fn start(&self, wanted: &Wanted) -> Result<Live, Error>;

    /// Starts a container again that has stopped. `None` when it is gone, or runs.
    async fn start_again(&self, instance: InstanceId) -> Result<Option<Live>, Error>;

    /// The container of this instance, running or not.
    async fn find(&self, instance: InstanceId) -> Result<Option<Live>, Error>;

    /// All containers of this server, running or not.
    async fn list(&self) -> Result<Vec<Live>, Error>;

    /// Returns when a container no longer runs, or is gone.
    /// Errors with `EngineAway` when the engine goes first: ask again.
    async fn wait(&self, container_id: &str) -> Result<(), Error>;

    /// How a container ended, with the end of its log; `None` while it runs and when it is gone.
    async fn exit(&self, container_id: &str) -> Result<Option<Exit>, Error>;

    /// Whether the kernel killed something in a container that still runs, because its memory was used up.
    /// Ask when a process in it was killed and nobody did it; takes some seconds to say no.
    async fn killed_for_memory(&self, container_id: &str) -> Result<bool, Error>;

    /// What a container uses now. All `None` when it does not run.
    async fn usage(&self, container_id: &str) -> Result<Usage, Error>;

    /// Kills and removes a container with its volumes. Returns when it is gone; it may have been gone before.
    async fn remove(&self, container_id: &str) -> Result<(), Error>;

    /// Removes what this server has left on the engine beside containers and no longer needs; what is labelled with
    /// one of these runs stays. Returns the names of what was removed.
    async fn remove_leftovers(&self, live: &HashSet<RunId>) -> Result<Vec<String>, Error>;
}

/// Why an engine did not do what it was asked. The messages are for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such image.
    #[error(
        "the engine has no image {image}; build it with `caisson image build`, or choose one that it has"
    )]
    ImageMissing {
        /// The image.
        image: String,
    },
    /// The engine does not answer.
    #[error(
        "the container engine cannot be reached ({why}); start it, give this user access to it, \
         or set DOCKER_HOST to where it listens"
    )]
    EngineAway {
        /// Where it was looked for, and what happened.
        why: String,
    },
    /// The executor's port could not be published.
    #[error(
        "the engine could not publish a port on {address} ({why}); try again, free some ports, or name another \
         address of the engine's host with --publish-address"
    )]
    PortRefused {
        /// The address of the engine's host.
        address: String,
        /// In the engine's words.
        why: String,
    },
    /// Anything else the engine says no to.
    #[error("the container engine refused: {why}")]
    Refused {
        /// In the engine's words.
        why: String,
    },
}
