//! Instances: find, list, remove.

use std::time::Duration;

use api::{
    error::ApiError,
    id::InstanceId,
    instance::{Instance, InstanceRemoved, InstanceState},
    page::Page,
    run::RunState,
};

use super::{App, Error, before, not_found, page_size};

/// How long a removal waits for the run to save its work.
const REMOVAL: Duration = Duration::from_secs(60);

impl App {
    /// One instance, with what it uses now.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn instance_get(&self, id: InstanceId) -> Result<Instance, Error> {
        let mut instance = self.store.instance_fetch(id).await?.ok_or_else(|| not_found("instance", id))?;
        if let Some(container) = instance.container_id.as_deref().filter(|_| !instance.state.is_over()) {
            // An engine that does not answer leaves the figures unknown.
            if let Ok(usage) = self.containers.usage(container).await {
                instance.cpu_percent = usage.cpu_percent;
                instance.memory_bytes = usage.memory_bytes;
            }
        }
        Ok(instance)
    }

    /// Instances, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor or limit that cannot be.
    pub async fn instance_list(
        &self,
        state: Option<InstanceState>,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Instance>, Error> {
        Ok(self.store.instance_list(state, before(cursor)?, page_size(limit)?).await?)
    }

    /// Stops and removes an instance. Its run, if it has not ended, is cancelled and its work saved first.
    ///
    /// # Errors
    /// `NotFound`, or `Unavailable` when it is not gone within a minute.
    pub async fn instance_remove(&self, id: InstanceId) -> Result<InstanceRemoved, Error> {
        let instance = self.store.instance_fetch(id).await?.ok_or_else(|| not_found("instance", id))?;
        let run = self.run_by_id(instance.run_id).await?;
        if run.state != RunState::Ended {
            let mut bell = self.store.event_bell(run.id);
            self.run_cancel(run.id).await?;
            let ended = async {
                while self.run_by_id(run.id).await?.state != RunState::Ended {
                    if bell.changed().await.is_err() {
                        break;
                    }
                }
                Ok::<_, Error>(())
            };
            tokio::time::timeout(REMOVAL, ended).await.map_err(|_| ApiError::Unavailable {
                what: "instance".to_owned(),
                why: "its run is still saving its work".to_owned(),
                retry_after_ms: 5_000,
            })??;
        }
        if let Some(live) = self.containers.find(id).await? {
            self.containers.remove(&live.container_id).await?;
        }
        self.store.instance_set_state(id, InstanceState::Removed).await?;
        Ok(InstanceRemoved { status: "removed".to_owned() })
    }
}
