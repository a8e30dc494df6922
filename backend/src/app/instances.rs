//! Instances: find, list, remove.

use std::time::Duration;

use api::{
    error::ApiError,
    event::{EgressEvent, EventBody},
    id::InstanceId,
    instance::{Egress, Instance, InstanceRemoved, InstanceState},
    page::Page,
    run::RunState,
};

use super::{App, Error, before, egress::Wanted, not_found, page_size, talk::unavailable, verbs::Verb};
use crate::{caller::Caller, store::RunWrite};

/// How long a removal waits for the run to save its work.
const REMOVAL: Duration = Duration::from_secs(60);

impl App {
    /// One instance, with what it uses now.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub async fn instance_get(&self, caller: &Caller, id: InstanceId) -> Result<Instance, Error> {
        Verb::InstancesGet.check(caller)?;
        let mut instance = self.store.instance_fetch(id).await?.ok_or_else(|| not_found("instance", id))?;
        if let Some(container) = instance.container_id.as_deref().filter(|_| !instance.state.is_over()) {
            // An engine that does not answer leaves the figures unknown.
            if let Ok(usage) = self.engine.usage(container).await {
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
        caller: &Caller,
        state: Option<InstanceState>,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Instance>, Error> {
        Verb::InstancesList.check(caller)?;
        Ok(self.store.instance_list(state, before(cursor)?, page_size(limit)?).await?)
    }

    /// Lets a container reach one more host, from now on.
    ///
    /// # Errors
    /// `Invalid` for what is no host, `NotFound`, `Conflict` when the container is gone, `Unavailable` when it does
    /// not take it; then it is told again as soon as it answers.
    pub async fn instance_allow(
        &self,
        caller: &Caller,
        id: InstanceId,
        host: String,
        port: Option<u16>,
    ) -> Result<Egress, Error> {
        let work = move |app: Self| async move { app.open_host(id, &host, port).await };
        self.change(caller, Verb::InstancesAllow, id.0, work).await
    }

    async fn open_host(&self, id: InstanceId, host: &str, port: Option<u16>) -> Result<Egress, Error> {
        let Wanted { entry, host, port } = Wanted::read(host, port)?;
        let instance = self.store.instance_fetch(id).await?.ok_or_else(|| not_found("instance", id))?;
        let run = self.run(instance.run_id).await?;
        // A container goes a moment after its run has ended.
        if instance.state.is_over() || run.state == RunState::Ended {
            let why = format!("instance {id} is gone: allow the host in the task, and retry the run");
            return Err(ApiError::Conflict { why }.into());
        }
        // Told before it is stored: what the container refuses is not allowed. Without an address its executor is
        // not there yet: its driver tells it before the agent starts.
        let mut asked = instance.egress.allowed.clone();
        asked.push(entry.clone());
        let told = match self.agent_at(&instance) {
            Some(agent) => agent.set_egress(asked).await.map(Some),
            None => Ok(None),
        };
        if let Ok(Some(told)) = &told
            && let Some(refused) = told.refused.iter().find(|refused| refused.entry == entry)
        {
            return Err(ApiError::invalid("host", refused.why.clone()).into());
        }
        self.store.instance_allow(id, &entry).await?;
        told.map_err(|error| unavailable(&error))?;
        let event = EgressEvent {
            host,
            port,
            allowed: true,
            count: 0,
            why: "It was allowed while the run went on.".to_owned(),
            process: None,
        };
        self.store.run_write(RunWrite::of(run.id).event(run.step, EventBody::Egress(event))).await?;
        // Two changes at once: the driver tells the container what both of them made.
        self.wake(run.id).await?;
        Ok(self.store.instance_fetch(id).await?.ok_or_else(|| not_found("instance", id))?.egress)
    }

    /// Stops and removes an instance. Its run, if it has not ended, is cancelled and its work saved first.
    ///
    /// # Errors
    /// `NotFound`, or `Unavailable` when it is not gone within a minute.
    pub async fn instance_remove(&self, caller: &Caller, id: InstanceId) -> Result<InstanceRemoved, Error> {
        let work = move |app: Self| async move { app.remove_instance(id).await };
        self.change(caller, Verb::InstancesRemove, id.0, work).await
    }

    async fn remove_instance(&self, id: InstanceId) -> Result<InstanceRemoved, Error> {
        let instance = self.store.instance_fetch(id).await?.ok_or_else(|| not_found("instance", id))?;
        let run = self.run(instance.run_id).await?;
        if run.state != RunState::Ended {
            let mut wakeups = self.store.event_wakeups(run.id);
            self.cancel_run(run.id).await?;
            let ended = async {
                while self.run(run.id).await?.state != RunState::Ended {
                    if wakeups.changed().await.is_err() {
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
        if let Some(live) = self.engine.find(id).await? {
            self.engine.remove(&live.container_id).await?;
        }
        self.store.instance_set_state(id, InstanceState::Removed).await?;
        Ok(InstanceRemoved { status: "removed".to_owned() })
    }
}
