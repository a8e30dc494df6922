//! The network a server's containers are in: made when the first container starts, and again if it was taken away.

use std::{collections::HashMap, sync::Arc};

use bollard::{Docker, errors::Error as Cause, query_parameters::PruneNetworksOptionsBuilder};
use tokio::sync::Mutex;

use super::{
    Error,
    connection::{Connection, status},
    spec,
};

/// One server's network.
#[derive(Clone)]
pub(super) struct Network {
    server: Arc<str>,
    /// Whether it was seen. Held while it is made: the engine would make two of one name.
    seen: Arc<Mutex<bool>>,
}

impl Network {
    pub(super) fn new(server: &str) -> Self {
        Self { server: server.into(), seen: Arc::default() }
    }

    /// Makes the network unless it is there.
    pub(super) async fn ensure(&self, connection: &Connection, docker: &Docker) -> Result<(), Error> {
        let mut seen = self.seen.lock().await;
        if *seen {
            return Ok(());
        }
        match docker.inspect_network(&spec::network_name(&self.server), None).await {
            Ok(found) if is_shut(found.options.as_ref()) => {
                // While containers of that version live it stays, and theirs need no way out.
                match docker.remove_network(&spec::network_name(&self.server)).await {
                    Ok(()) => self.make(docker).await.map_err(|cause| connection.error(cause))?,
                    Err(cause) => {
                        tracing::warn!(%cause, "containers reach nothing outside until the old network is free");
                        return Ok(());
                    }
                }
            }
            Ok(_) => {}
            Err(cause) if status(&cause) == Some(404) => {
                self.make(docker).await.map_err(|cause| connection.error(cause))?;
            }
            Err(cause) => return Err(connection.error(cause)),
        }
        *seen = true;
        Ok(())
    }

    async fn make(&self, docker: &Docker) -> Result<(), Cause> {
        let wanted = spec::network(&self.server);
        let made = match docker.create_network(wanted.clone()).await {
            Err(cause) if cause.to_string().contains("address pool") => {
                // The engine has addresses for about thirty networks. Those of servers that are gone, or have
                // no container now, are in the way; a server that is not gone makes its own again.
                let filters = HashMap::from([("label", vec![spec::SERVER])]);
                let options = PruneNetworksOptionsBuilder::default().filters(&filters).build();
                docker.prune_networks(Some(options)).await?;
                docker.create_network(wanted).await
            }
            made => made,
        };
        match made {
            Ok(_) => Ok(()),
            // Another process was quicker.
            Err(cause) if status(&cause) == Some(409) => Ok(()),
            Err(cause) => Err(cause),
        }
    }

    /// The engine says that it is not there after all.
    pub(super) async fn forget(&self) {
        *self.seen.lock().await = false;
    }
}

/// Whether a network leads nowhere, as those of versions before egress by name did.
fn is_shut(options: Option<&HashMap<String, String>>) -> bool {
    options.and_then(|options| options.get(spec::MASQUERADE)).is_some_and(|value| value == "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_network_of_an_earlier_version_leads_nowhere() {
        let options = |value: &str| HashMap::from([(spec::MASQUERADE.to_owned(), value.to_owned())]);
        assert!(is_shut(Some(&options("false"))));
        assert!(!is_shut(Some(&options("true"))) && !is_shut(Some(&HashMap::new())) && !is_shut(None));
    }
}
