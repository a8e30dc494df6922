//! Containers: the only module that talks to the Docker engine. It does what it is told and remembers nothing.

mod engine;
mod exit;
mod leftovers;
mod live;
mod mount;
mod network;
mod probe;
mod spec;
mod usage;

use std::{collections::HashMap, sync::Arc, time::Duration};

use api::id::InstanceId;
use bollard::{
    Docker,
    errors::Error as Cause,
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
        StatsOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures::{StreamExt, TryStreamExt};

use self::{
    engine::{Engine, status},
    network::Network,
    usage::Looks,
};
pub use self::{
    exit::Exit,
    live::Live,
    mount::Mount,
    probe::{Finding, Probe},
    spec::{Limits, Profile, Wanted},
    usage::Usage,
};

/// How long a removal that somebody else began may take.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(120);

/// The containers of one server.
#[derive(Clone)]
pub struct Containers {
    server: String,
    profile: Arc<Profile>,
    engine: Engine,
    network: Network,
    looks: Looks,
}

/// Why the engine did not do what it was asked. The messages are for people.
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
        "the Docker engine cannot be reached ({why}); start it, give this user access to it, \
         or set DOCKER_HOST to where it listens"
    )]
    EngineAway {
        /// Where it was looked for, and what happened.
        why: String,
    },
    /// The executor's port could not be published.
    #[error("the engine could not publish a port on 127.0.0.1 ({why}); try again, or free some ports")]
    PortRefused {
        /// In the engine's words.
        why: String,
    },
    /// Anything else the engine says no to.
    #[error("the Docker engine refused: {why}")]
    Refused {
        /// In the engine's words.
        why: String,
    },
}

impl Containers {
    /// The containers that carry the label of `server`, on the engine at `address` (`unix://…`, `tcp://…`; `None`
    /// is the local one). The engine need not be up yet. Errors when the address cannot be used.
    pub fn new(address: Option<String>, server: String, profile: Profile) -> Result<Self, Error> {
        let engine = Engine::new(address)?;
        let network = Network::new(&server);
        Ok(Self { server, profile: Arc::new(profile), engine, network, looks: Looks::default() })
    }

    /// The engine's version, if it answers within 5 seconds.
    pub async fn ping(&self) -> Result<String, Error> {
        let docker = self.engine.docker().await?;
        let version = self.engine.hello(docker.version()).await?;
        Ok(version.version.unwrap_or_default())
    }

    /// Whether the engine has this image.
    pub async fn image_exists(&self, image: &str) -> Result<bool, Error> {
        match self.engine.docker().await?.inspect_image(image).await {
            Ok(_) => Ok(true),
            Err(cause) if status(&cause) == Some(404) => Ok(false),
            Err(cause) => Err(self.engine.error(cause)),
        }
    }

    /// Makes a container and starts it. If that fails, nothing of it is left.
    pub async fn start(&self, wanted: &Wanted) -> Result<Live, Error> {
        let docker = self.engine.docker().await?;
        let container_id = self.create(docker, wanted).await?;
        match self.launch(docker, wanted, &container_id).await {
            Ok(live) => Ok(live),
            Err(error) => {
                if let Err(left) = self.remove(&container_id).await {
                    tracing::warn!(container.id = container_id, error = %left, "a container that did not start could not be removed");
                }
                Err(error)
            }
        }
    }

    async fn create(&self, docker: &Docker, wanted: &Wanted) -> Result<String, Error> {
        let options = CreateContainerOptionsBuilder::default().name(&spec::name(wanted.instance)).build();
        let mut profile = Profile::clone(&self.profile);
        profile.writable_root |= self.wants_writable_root(docker, &wanted.image).await?;
        let body = spec::container(&self.server, wanted, &profile);
        match docker.create_container(Some(options), body).await {
            Ok(created) => Ok(created.id),
            Err(cause) if status(&cause) == Some(404) => {
                Err(Error::ImageMissing { image: wanted.image.clone() })
            }
            Err(cause) => Err(self.engine.error(cause)),
        }
    }

    /// Whether the image says of itself that it cannot work with a read-only root.
    async fn wants_writable_root(&self, docker: &Docker, image: &str) -> Result<bool, Error> {
        match docker.inspect_image(image).await {
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                Ok(labels.get(spec::ROOT).is_some_and(|root| root == "writable"))
            }
            Err(cause) if status(&cause) == Some(404) => Err(Error::ImageMissing { image: image.to_owned() }),
            Err(cause) => Err(self.engine.error(cause)),
        }
    }

    async fn launch(&self, docker: &Docker, wanted: &Wanted, container_id: &str) -> Result<Live, Error> {
        self.network.ensure(&self.engine, docker).await?;
        let mut started = docker.start_container(container_id, None).await;
        // An administrator's `docker network prune` takes the network away while no container uses it.
        if started.as_ref().is_err_and(|cause| status(cause) == Some(404)) {
            self.network.forget().await;
            self.network.ensure(&self.engine, docker).await?;
            started = docker.start_container(container_id, None).await;
        }
        started.map_err(|cause| self.start_error(cause))?;
        let found =
            docker.inspect_container(container_id, None).await.map_err(|cause| self.engine.error(cause))?;
        Ok(live::from_inspection(container_id, wanted.instance, wanted.run, found))
    }

    /// Starts a container again that has stopped. `None` when it is gone, or runs.
    pub async fn start_again(&self, instance: InstanceId) -> Result<Option<Live>, Error> {
        let Some(stopped) = self.find(instance).await?.filter(|live| !live.running) else { return Ok(None) };
        let docker = self.engine.docker().await?;
        let started = docker.start_container(&stopped.container_id, None).await;
        started.map_err(|cause| self.start_error(cause))?;
        self.find(instance).await
    }

    /// The engine has no code of its own for ports, only words.
    fn start_error(&self, cause: Cause) -> Error {
        match self.engine.error(cause) {
            Error::Refused { why }
                if why.contains("external connectivity") || why.contains("port is already") =>
            {
                Error::PortRefused { why }
            }
            other => other,
        }
    }

    /// The container of this instance, running or not.
    pub async fn find(&self, instance: InstanceId) -> Result<Option<Live>, Error> {
        Ok(self.labelled(Some(instance)).await?.pop())
    }

    /// All containers of this server, running or not.
    pub async fn list(&self) -> Result<Vec<Live>, Error> {
        self.labelled(None).await
    }

    async fn labelled(&self, instance: Option<InstanceId>) -> Result<Vec<Live>, Error> {
        let mut labels = vec![format!("{}={}", spec::SERVER, self.server)];
        labels.extend(instance.map(|it| format!("{}={it}", spec::INSTANCE)));
        let filters = HashMap::from([("label", labels)]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let docker = self.engine.docker().await?;
        let found = docker.list_containers(Some(options)).await.map_err(|cause| self.engine.error(cause))?;
        Ok(found.into_iter().filter_map(live::from_summary).collect())
    }

    /// How a container ended; `None` while it runs and when it is gone.
    pub async fn exit(&self, container_id: &str) -> Result<Option<Exit>, Error> {
        let docker = self.engine.docker().await?;
        match docker.inspect_container(container_id, None).await {
            Ok(found) => Ok(exit::read(docker, container_id, found.state.unwrap_or_default()).await),
            Err(cause) if status(&cause) == Some(404) => Ok(None),
            Err(cause) => Err(self.engine.error(cause)),
        }
    }

    /// Whether the kernel killed something in a container that still runs, because its memory was used up.
    /// Ask when a process in it was killed and nobody did it; takes up to 2 seconds to say no.
    pub async fn killed_for_memory(&self, container_id: &str) -> Result<bool, Error> {
        let docker = self.engine.docker().await?;
        self.engine.hello(exit::killed_for_memory(docker, container_id)).await
    }

    /// Resolves when a container no longer runs, or is gone.
    /// Errors with `EngineAway` when the engine goes first: ask again.
    pub async fn wait(&self, container_id: &str) -> Result<(), Error> {
        self.wait_for("not-running", container_id).await
    }

    async fn wait_for(&self, condition: &str, container_id: &str) -> Result<(), Error> {
        let options = WaitContainerOptionsBuilder::default().condition(condition).build();
        let docker = self.engine.docker().await?;
        match docker.wait_container(container_id, Some(options)).next().await {
            // To bollard an exit code other than 0 is an error.
            Some(Ok(_) | Err(Cause::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(cause)) if status(&cause) == Some(404) => Ok(()),
            Some(Err(cause)) => Err(self.engine.error(cause)),
            None => Err(self.engine.away("it stopped while it was waited for")),
        }
    }

    /// Kills and removes a container with its volumes. Returns when it is gone; it may have been gone before.
    pub async fn remove(&self, container_id: &str) -> Result<(), Error> {
        self.looks.forget(container_id);
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let docker = self.engine.docker().await?;
        match docker.remove_container(container_id, Some(options)).await {
            Ok(()) => Ok(()),
            Err(cause) => match status(&cause) {
                Some(404) => Ok(()),
                // Somebody else is at it.
                Some(409) => {
                    let gone = self.wait_for("removed", container_id);
                    let why = "the container is being removed, but does not go; look at the engine's log";
                    let late = |_| Error::Refused { why: why.to_owned() };
                    tokio::time::timeout(REMOVAL_PATIENCE, gone).await.map_err(late)?
                }
                _ => Err(self.engine.error(cause)),
            },
        }
    }

    /// What a container uses now. All `None` when it does not run.
    pub async fn usage(&self, container_id: &str) -> Result<Usage, Error> {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let docker = self.engine.docker().await?;
        let mut stats = std::pin::pin!(docker.stats(container_id, Some(options)));
        let stats = self.engine.hello(stats.try_next()).await?;
        Ok(stats.map(|it| self.looks.usage(container_id, &it)).unwrap_or_default())
    }
}
