//! Docker as the container engine: the only module that knows bollard.

mod address;
mod connection;
mod exit;
mod leftovers;
mod live;
mod network;
mod probe;
mod publish;
mod spec;
mod usage;

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    time::Duration,
};

use api::id::{InstanceId, RunId};
use async_trait::async_trait;
use bollard::{
    Docker as Client,
    errors::Error as Cause,
    query_parameters::{
        CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
        StatsOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures::{StreamExt, TryStreamExt};

pub use self::{
    address::Address,
    probe::{Finding, Probe},
};
use self::{
    connection::{Connection, status},
    network::Network,
    publish::Publish,
    usage::Looks,
};
use super::{Engine, Error, Exit, Live, Profile, Usage, Wanted};

/// How long a removal that somebody else began may take.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(120);

/// One Docker engine, as one server uses it.
pub struct Docker {
    server: String,
    profile: Profile,
    publish: Publish,
    connection: Connection,
    network: Network,
    looks: Looks,
}

impl Docker {
    /// The containers that carry the label of `server`, on the engine at `address`, which need not be up yet. Their
    /// executors are reached at `publish`, an address of the engine's host; by default on loopback, or where the engine
    /// itself is reached.
    #[must_use]
    pub fn new(address: &Address, publish: Option<IpAddr>, server: String, profile: Profile) -> Self {
        Self {
            publish: Publish::new(address, publish),
            connection: Connection::new(address.clone()),
            network: Network::new(&server),
            looks: Looks::default(),
            server,
            profile,
        }
    }

    async fn create(&self, client: &Client, wanted: &Wanted) -> Result<String, Error> {
        let options = CreateContainerOptionsBuilder::default().name(&spec::name(wanted.instance)).build();
        let mut profile = self.profile.clone();
        profile.writable_root |= self.wants_writable_root(client, &wanted.image).await?;
        let body = spec::container(&self.server, wanted, &profile, &self.publish);
        match client.create_container(Some(options), body).await {
            Ok(created) => Ok(created.id),
            Err(cause) if status(&cause) == Some(404) => {
                Err(Error::ImageMissing { image: wanted.image.clone() })
            }
            Err(cause) => Err(self.connection.error(cause)),
        }
    }

    /// Whether the image says of itself that it cannot work with a read-only root.
    async fn wants_writable_root(&self, client: &Client, image: &str) -> Result<bool, Error> {
        match client.inspect_image(image).await {
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                Ok(labels.get(spec::ROOT).is_some_and(|root| root == "writable"))
            }
            Err(cause) if status(&cause) == Some(404) => Err(Error::ImageMissing { image: image.to_owned() }),
            Err(cause) => Err(self.connection.error(cause)),
        }
    }

    async fn launch(&self, client: &Client, wanted: &Wanted, container_id: &str) -> Result<Live, Error> {
        self.network.ensure(&self.connection, client).await?;
        let mut started = client.start_container(container_id, None).await;
        // An administrator's `docker network prune` takes the network away while no container uses it.
        if started.as_ref().is_err_and(|cause| status(cause) == Some(404)) {
            self.network.forget().await;
            self.network.ensure(&self.connection, client).await?;
            started = client.start_container(container_id, None).await;
        }
        started.map_err(|cause| self.start_error(cause))?;
        let found = client
            .inspect_container(container_id, None)
            .await
            .map_err(|cause| self.connection.error(cause))?;
        Ok(live::from_inspection(container_id, wanted, found, &self.publish))
    }

    /// The engine has no code of its own for ports, only words.
    fn start_error(&self, cause: Cause) -> Error {
        match self.connection.error(cause) {
            Error::Refused { why }
                if ["external connectivity", "port is already", "cannot assign requested address"]
                    .iter()
                    .any(|words| why.contains(words)) =>
            {
                Error::PortRefused { address: self.publish.bound().to_string(), why }
            }
            other => other,
        }
    }

    async fn labelled(&self, instance: Option<InstanceId>) -> Result<Vec<Live>, Error> {
        let mut labels = vec![format!("{}={}", spec::SERVER, self.server)];
        labels.extend(instance.map(|it| format!("{}={it}", spec::INSTANCE)));
        let filters = HashMap::from([("label", labels)]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let client = self.connection.client().await?;
        let found = client.list_containers(Some(options)).await;
        let found = found.map_err(|cause| self.connection.error(cause))?;
        Ok(found.into_iter().filter_map(|one| live::from_summary(one, &self.publish)).collect())
    }

    async fn wait_for(&self, condition: &str, container_id: &str) -> Result<(), Error> {
        let options = WaitContainerOptionsBuilder::default().condition(condition).build();
        let client = self.connection.client().await?;
        match client.wait_container(container_id, Some(options)).next().await {
            // To bollard an exit code other than 0 is an error.
            Some(Ok(_) | Err(Cause::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(cause)) if status(&cause) == Some(404) => Ok(()),
            Some(Err(cause)) => Err(self.connection.error(cause)),
            None => Err(self.connection.away("it stopped while it was waited for")),
        }
    }
}

#[async_trait]
impl Engine for Docker {
    async fn ping(&self) -> Result<String, Error> {
        let client = self.connection.client().await?;
        let version = self.connection.hello(client.version()).await?;
        Ok(format!("Docker {}", version.version.unwrap_or_default()))
    }

    async fn image_exists(&self, image: &str) -> Result<bool, Error> {
        match self.connection.client().await?.inspect_image(image).await {
            Ok(_) => Ok(true),
            Err(cause) if status(&cause) == Some(404) => Ok(false),
            Err(cause) => Err(self.connection.error(cause)),
        }
    }

    async fn start(&self, wanted: &Wanted) -> Result<Live, Error> {
        let client = self.connection.client().await?;
        let container_id = self.create(client, wanted).await?;
        match self.launch(client, wanted, &container_id).await {
            Ok(live) => Ok(live),
            Err(error) => {
                if let Err(left) = self.remove(&container_id).await {
                    tracing::warn!(container.id = container_id, error = %left, "a container that did not start could not be removed");
                }
                Err(error)
            }
        }
    }

    async fn start_again(&self, instance: InstanceId) -> Result<Option<Live>, Error> {
        let Some(stopped) = self.find(instance).await?.filter(|live| !live.running) else { return Ok(None) };
        let client = self.connection.client().await?;
        let started = client.start_container(&stopped.container_id, None).await;
        started.map_err(|cause| self.start_error(cause))?;
        self.find(instance).await
    }

    async fn find(&self, instance: InstanceId) -> Result<Option<Live>, Error> {
        Ok(self.labelled(Some(instance)).await?.pop())
    }

    async fn list(&self) -> Result<Vec<Live>, Error> {
        self.labelled(None).await
    }

    async fn wait(&self, container_id: &str) -> Result<(), Error> {
        self.wait_for("not-running", container_id).await
    }

    async fn exit(&self, container_id: &str) -> Result<Option<Exit>, Error> {
        let client = self.connection.client().await?;
        match client.inspect_container(container_id, None).await {
            Ok(found) => Ok(exit::read(client, container_id, found.state.unwrap_or_default()).await),
            Err(cause) if status(&cause) == Some(404) => Ok(None),
            Err(cause) => Err(self.connection.error(cause)),
        }
    }

    async fn killed_for_memory(&self, container_id: &str) -> Result<bool, Error> {
        let client = self.connection.client().await?;
        self.connection.hello(exit::killed_for_memory(client, container_id)).await
    }

    async fn usage(&self, container_id: &str) -> Result<Usage, Error> {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let client = self.connection.client().await?;
        let mut stats = std::pin::pin!(client.stats(container_id, Some(options)));
        let stats = self.connection.hello(stats.try_next()).await?;
        Ok(stats.map(|it| self.looks.usage(container_id, &it)).unwrap_or_default())
    }

    async fn remove(&self, container_id: &str) -> Result<(), Error> {
        self.looks.forget(container_id);
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let client = self.connection.client().await?;
        match client.remove_container(container_id, Some(options)).await {
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
                _ => Err(self.connection.error(cause)),
            },
        }
    }

    async fn remove_leftovers(&self, live: &HashSet<RunId>) -> Result<Vec<String>, Error> {
        leftovers::remove(&self.connection, &self.server, live).await
    }
}
