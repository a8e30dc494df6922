//! The network a server's containers are in: made when the first container starts, and again if it was taken away.

use std::sync::Arc;

use bollard::Docker;
use tokio::sync::Mutex;

use super::{
    Error,
    engine::{Engine, status},
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
    pub(super) async fn ensure(&self, engine: &Engine, docker: &Docker) -> Result<(), Error> {
        let mut seen = self.seen.lock().await;
        if *seen {
            return Ok(());
        }
        let inspected = docker.inspect_network(&spec::network_name(&self.server), None).await;
        match inspected {
            Ok(_) => {}
            Err(cause) if status(&cause) == Some(404) => {
                match docker.create_network(spec::network(&self.server)).await {
                    Ok(_) => {}
                    // Another process was quicker.
                    Err(cause) if status(&cause) == Some(409) => {}
                    Err(cause) => return Err(engine.error(cause)),
                }
            }
            Err(cause) => return Err(engine.error(cause)),
        }
        *seen = true;
        Ok(())
    }

    /// The engine says that it is not there after all.
    pub(super) async fn forget(&self) {
        *self.seen.lock().await = false;
    }
}
