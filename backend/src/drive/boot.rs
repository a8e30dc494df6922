//! From a claimed run to an executor that answers: the container, its firewall, the link back.

use std::{future::Future, sync::Arc, time::Duration};

use api::{
    Timestamp,
    id::InstanceId,
    instance::{Egress, Instance, InstanceState},
    run::Reason,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Driver, End, Halt, wait};
use crate::{
    agent::Agent,
    app::{App, repository},
    broker::{Access, Unmetered},
    containers::{self, Live, Wanted},
    store::RunPatch,
};

/// The exit code with which the firewall refuses to start the executor (`EX_CONFIG`).
const FIREWALL_REFUSED: i64 = 78;
/// How long an engine that is away may take to come back before its containers are given up.
const ENGINE_GRACE: Duration = Duration::from_secs(10);

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
        if let Some(instance) = self.record.run.instance_id
            && let Some(known) = self.app.store.instance_fetch(instance).await.ok().flatten()
            && known.container_id.is_some()
        {
            return self.adopt(instance).await;
        }
        if self.cancel.is_cancelled() {
            return Err(
                End::new(Reason::CancelledByUser, "It was cancelled before its container was made.").into()
            );
        }
        let live = self.create().await?;
        let agent = Agent::new(port_of(&live)?, self.app.keys.instance_token(live.instance));
        let ready = tokio::select! {
            biased;
            () = self.leave.cancelled() => return Err(Halt::Leave),
            // The way out begins with a container, whether it is ready or not.
            () = self.cancel.cancelled() => return Ok(self.booted(live.instance, live.container_id, agent)),
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
        let found = self.app.containers.find(instance).await;
        let live = match found {
            Ok(Some(live)) if live.running => live,
            Ok(_) => {
                let detail = "The container was gone when the server came back; retry the run.";
                return Err(End::new(Reason::InstanceLost, detail).into());
            }
            Err(error) => return Err(end_of(&error).into()),
        };
        let agent = Agent::new(port_of(&live)?, self.app.keys.instance_token(instance));
        if let Err(error) = agent.wait_ready(self.app.config.runs.start_timeout).await {
            return Err(self.why_not_ready(&live, &error).await.into());
        }
        self.notice("adopted", "The server was restarted; the run went on in its container.").await?;
        Ok(self.booted(instance, live.container_id, agent))
    }

    /// Opens the link: from now on the container's requests reach the broker.
    fn booted(&self, instance: InstanceId, container_id: String, agent: Agent) -> Booted {
        let stop = CancellationToken::new();
        let run = &self.record.run;
        // A repository that was accepted at creation is still one.
        if let Ok(repository) = repository::parse(&run.repository) {
            let access = Access {
                run: run.id,
                model_token: self.app.keys.model_token(run.id),
                repository,
                branch: run.branch.clone(),
                meter: Arc::new(Unmetered),
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

    async fn create(&mut self) -> Result<Live, Halt> {
        let run = self.record.run.id;
        let instance = Instance {
            id: InstanceId::mint(),
            run_id: run,
            state: InstanceState::Creating,
            container_id: None,
            image: self.app.config.containers.image.clone(),
            host: None,
            cpu_percent: None,
            memory_bytes: None,
            memory_limit_bytes: self.app.config.containers.memory_bytes,
            egress: Egress::default(),
            created_at: Timestamp::now(),
            ready_at: None,
            removed_at: None,
        };
        let internal = |error: crate::store::Error| {
            End::new(Reason::Internal, format!("The instance could not be stored: {error}"))
        };
        self.app.store.instance_insert(&instance).await.map_err(internal)?;
        let patch = RunPatch { instance_id: Some(instance.id), ..RunPatch::default() };
        let write = self.change().patch(patch);
        self.write(write).await?;
        let wanted = Wanted {
            instance: instance.id,
            run,
            image: instance.image,
            token: self.app.keys.instance_token(instance.id),
            env: Vec::new(),
        };
        match self.app.containers.start(&wanted).await {
            Ok(live) => {
                let host = live.port.map(|port| format!("127.0.0.1:{port}"));
                let stored =
                    self.app.store.instance_set_container(instance.id, &live.container_id, host.as_deref());
                stored.await.map_err(internal)?;
                Ok(live)
            }
            Err(error) => {
                let _ = self.app.store.instance_set_state(instance.id, InstanceState::Failed).await;
                Err(end_of(&error).into())
            }
        }
    }

    /// Why a container that was started does not answer.
    async fn why_not_ready(&self, live: &Live, error: &crate::agent::Error) -> End {
        let exit = self.app.containers.exit(&live.container_id).await.ok().flatten();
        let _ = self.app.containers.remove(&live.container_id).await;
        let _ = self.app.store.instance_set_state(live.instance, InstanceState::Failed).await;
        match exit {
            Some(exit) if exit.out_of_memory => {
                End::new(Reason::OutOfMemory, "The container ran out of memory while it started.")
            }
            Some(exit) if exit.code == Some(FIREWALL_REFUSED) => End::new(
                Reason::FirewallFailed,
                format!("The firewall refused to let the executor start: {}", exit.log_tail.trim()),
            ),
            Some(exit) => End::new(
                Reason::Internal,
                format!(
                    "The container ended while it started (exit code {:?}): {}",
                    exit.code,
                    exit.log_tail.trim()
                ),
            ),
            None => End::new(
                Reason::InstanceLost,
                format!("The executor in the container did not answer: {error}"),
            ),
        }
    }
}

impl Booted {
    /// Resolves, with the reason, when the container is no longer there.
    pub(super) fn lost(&self, app: &App) -> impl Future<Output = End> + use<> {
        let (app, container) = (app.clone(), self.container_id.clone());
        async move {
            stopped(&app, &container).await;
            match app.containers.exit(&container).await {
                Ok(Some(exit)) if exit.out_of_memory => End::new(
                    Reason::OutOfMemory,
                    "The container ran out of memory; give it more with `--container-memory`.",
                ),
                Ok(Some(exit)) => {
                    let code =
                        exit.code.map_or_else(|| "an unknown code".to_owned(), |code| format!("code {code}"));
                    End::new(
                        Reason::InstanceLost,
                        format!("The container ended with {code}: {}", exit.log_tail.trim()),
                    )
                }
                Ok(None) => End::new(Reason::InstanceLost, "The container was removed by someone else."),
                Err(error) => end_of(&error),
            }
        }
    }

    /// Lets the container go on alone.
    pub(super) fn leave(self) {
        tracing::info!(instance.id = %self.instance, "left a container to go on alone");
    }
}

/// Resolves when a container no longer runs, or its engine is away for good.
async fn stopped(app: &App, container: &str) {
    let mut away_since = None;
    loop {
        match app.containers.wait(container).await {
            Ok(()) => return,
            Err(error) => {
                let since = *away_since.get_or_insert_with(tokio::time::Instant::now);
                tracing::warn!(container, %error, "the engine cannot say whether a container runs");
                if ENGINE_GRACE < since.elapsed() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
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

fn port_of(live: &Live) -> Result<u16, End> {
    live.port.ok_or_else(|| End::new(Reason::Internal, "The engine published no port for the container."))
}

/// The end that an engine's refusal means.
pub(super) fn end_of(error: &containers::Error) -> End {
    let reason = match error {
        containers::Error::ImageMissing { .. } => Reason::ImageMissing,
        containers::Error::EngineAway { .. } => Reason::EngineUnavailable,
        containers::Error::PortRefused { .. } | containers::Error::Refused { .. } => Reason::Internal,
    };
    End::new(reason, error.to_string())
}
