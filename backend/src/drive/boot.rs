//! From a claimed run to an executor that answers: the container, its firewall, the link back.

use std::{sync::Arc, time::Duration};

use api::{id::InstanceId, instance::InstanceState, run::Reason};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Driver, End, Halt,
    engine::{end_of, patiently, stopped},
    wait,
};
use crate::{
    agent::{Agent, Dial},
    app::repository,
    broker::Access,
    engine::Live,
};

/// How long a container that is started once more may take.
const REVIVAL: Duration = Duration::from_secs(15);
/// How long a container without an endpoint may take to be called stopped.
const UNREACHED: Duration = Duration::from_secs(5);

/// A container whose executor answers.
pub(super) struct Booted {
    pub(super) instance: InstanceId,
    pub(super) container_id: String,
    pub(super) agent: Agent,
    /// Ends the link when dropped.
    pub(super) link: DropGuard,
}

impl Driver {
    /// Makes the container of a new run, or finds that of an adopted one.
    pub(super) async fn boot(&mut self) -> Result<Booted, Halt> {
        if let Some(instance) = self.record.run.instance_id {
            let store = self.app.store.clone();
            let known = self.patiently(|| store.instance_fetch(instance)).await?.flatten();
            if known.is_some_and(|known| known.container_id.is_some()) {
                return self.adopt(instance).await;
            }
        }
        if self.driven.cancel.is_cancelled() {
            return Err(
                End::new(Reason::CancelledByUser, "It was cancelled before its container was made.").into()
            );
        }
        self.engine_has_image().await?;
        self.check_addresses().await?;
        self.survey().await?;
        let live = self.create().await?;
        let agent = self.executor_of(&live).await?;
        let ready = tokio::select! {
            biased;
            () = self.leave.cancelled() => return Err(Halt::Leave),
            // The way out begins with a container, whether it is ready or not.
            () = self.driven.cancel.cancelled() => return Ok(self.booted(live.instance, live.container_id, agent)),
            ready = agent.wait_ready(self.app.config.runs.start_timeout) => ready,
            () = stopped(&self.app, &live.container_id) => Err(crate::agent::Error::Unreachable("the container ended".into())),
        };
        let health = match ready {
            Ok(health) => health,
            Err(error) => {
                let end = self.why_not_ready(&live, &error).await;
                return Err(end.into());
            }
        };
        let _ = self.app.store.instance_set_state(live.instance, InstanceState::Ready).await;
        self.progress("firewall", format!("The container is ready, its firewall {}.", health.firewall), None)
            .await?;
        Ok(self.booted(live.instance, live.container_id, agent))
    }

    async fn adopt(&mut self, instance: InstanceId) -> Result<Booted, Halt> {
        let live = match patiently(|| self.app.engine.find(instance)).await {
            Ok(Some(live)) if live.running => live,
            // It died while nobody looked: how, is found out as with any other.
            Ok(Some(live)) => return Ok(self.booted(instance, live.container_id, self.nobody(instance))),
            Ok(None) => {
                let detail = "The container was gone when the server came back; retry the run.";
                return Err(End::new(Reason::InstanceLost, detail).into());
            }
            Err(error) => return Err(end_of(&error).into()),
        };
        let agent = self.executor_of(&live).await?;
        if let Err(error) = agent.wait_ready(self.app.config.runs.start_timeout).await {
            return Err(self.why_not_ready(&live, &error).await.into());
        }
        self.notice("adopted", "The server was restarted; the run went on in its container.").await?;
        Ok(self.booted(instance, live.container_id, agent))
    }

    /// The client of a container's executor. One that is already over has no endpoint any more: then how it
    /// ended is the answer.
    async fn executor_of(&self, live: &Live) -> Result<Agent, End> {
        if let Some(endpoint) = &live.endpoint {
            let agent = self.app.executor_at(live.instance, endpoint);
            return agent.map_err(|error| End::new(Reason::Internal, error.to_string()));
        }
        // The engine takes the port away a moment before it calls the container stopped.
        let _ = tokio::time::timeout(UNREACHED, stopped(&self.app, &live.container_id)).await;
        let error = crate::agent::Error::Unreachable(
            "the engine published no port for it that this server can reach".into(),
        );
        Err(self.why_not_ready(live, &error).await)
    }

    /// The client of an executor that is not there.
    fn nobody(&self, instance: InstanceId) -> Agent {
        Agent::new(Dial::nowhere(), self.app.keys.instance_token(instance))
    }

    /// Starts the container of a run again that was stopped, unless it is gone.
    pub(super) async fn revive(&self, booted: &Booted) -> Option<Agent> {
        let live = patiently(|| self.app.engine.start_again(booted.instance)).await.ok().flatten()?;
        let endpoint = live.endpoint?;
        let agent = self.app.executor_at(booted.instance, &endpoint).ok()?;
        let host = endpoint.to_string();
        let _ = self.app.store.instance_set_container(booted.instance, &live.container_id, Some(&host)).await;
        agent.wait_ready(REVIVAL).await.ok()?;
        Some(agent)
    }

    /// Opens the link: from now on the container's requests reach the broker.
    pub(super) fn booted(&self, instance: InstanceId, container_id: String, agent: Agent) -> Booted {
        let stop = CancellationToken::new();
        let run = &self.record.run;
        // A repository that was accepted at creation is still one.
        if let Ok(repository) = repository::parse(&run.repository) {
            let access = Access {
                run: run.id,
                model_token: self.app.keys.model_token(run.id),
                models: run.task.models.clone(),
                repository,
                readable: run
                    .task
                    .submodules
                    .iter()
                    .filter_map(|other| repository::parse(other).ok())
                    .collect(),
                branch: run.branch.clone(),
                meter: Arc::new(self.money.clone()),
            };
            let router = self.app.broker.router(access);
            let (agent, stop) = (agent.clone(), stop.clone());
            self.app.tasks.spawn("link", move |leave| async move {
                tokio::select! {
                    () = leave.cancelled() => {}
                    () = keep_link(&agent, router, stop) => {}
                }
            });
        }
        Booted { instance, container_id, agent, link: stop.drop_guard() }
    }
}

impl Booted {
    /// Lets the container go on alone.
    pub(super) fn leave(self) {
        tracing::info!(instance.id = %self.instance, "left a container to go on alone");
    }
}

/// Serves the container's requests, again and again when the link breaks.
async fn keep_link(agent: &Agent, router: axum::Router, stop: CancellationToken) {
    let mut pause = Duration::from_millis(20);
    while !stop.is_cancelled() {
        if let Err(error) = agent.serve_link(router.clone(), stop.clone()).await {
            tracing::debug!(%error, "a link broke, opening it again");
            if wait(&stop, pause).await {
                return;
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}
