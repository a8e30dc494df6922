//! The container of a run as its engine has it: made, waited for, and how it ended.

use std::{future::Future, time::Duration};

use api::{
    Timestamp,
    id::InstanceId,
    instance::{Egress, Instance, InstanceState},
    run::Reason,
};
use tokio::time::Instant;

use super::{Driver, End, Halt, boot::Booted};
use crate::{
    app::App,
    engine::{Error, Live, Wanted},
    store::RunPatch,
};

/// The exit code with which the firewall refuses to start the executor (`EX_CONFIG`).
const FIREWALL_REFUSED: i64 = 78;
/// The exit code of a container whose first process was killed: no fault of what is in it.
const KILLED: i64 = 137;
/// How long an engine that is away may take to come back before its containers are given up.
const ENGINE_GRACE: Duration = Duration::from_secs(10);
/// What is said of a container that is gone.
const REMOVED: &str = "The container was removed by someone else.";
/// What is said of one that was too small.
pub(super) const OUT_OF_MEMORY: &str = "The container ran out of memory; give it more with `--memory`.";
/// Between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(300);

impl Driver {
    /// What the container is made from: the task's image, or the server's.
    fn image(&self) -> String {
        self.record.run.task.image.clone().unwrap_or_else(|| self.app.config.containers.image.clone())
    }

    /// Whether the engine answers and has the run's image. Without them no git server need be asked anything.
    ///
    /// # Errors
    /// The run's end, when there is none.
    pub(super) async fn engine_has_image(&self) -> Result<(), Halt> {
        let image = self.image();
        match patiently(|| self.app.engine.image_exists(&image)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(end_of(&Error::ImageMissing { image }).into()),
            Err(error) => Err(end_of(&error).into()),
        }
    }

    pub(super) async fn create(&mut self) -> Result<Live, Halt> {
        let run = self.record.run.id;
        let instance = Instance {
            id: InstanceId::mint(),
            run_id: run,
            state: InstanceState::Creating,
            container_id: None,
            image: self.image(),
            host: None,
            cpu_percent: None,
            memory_bytes: None,
            memory_limit_bytes: self.app.config.containers.profile.limits.memory_bytes,
            egress: Egress { allowed: self.record.run.task.egress.clone(), denied: Vec::new() },
            created_at: Timestamp::now(),
            ready_at: None,
            removed_at: None,
        };
        let store = self.app.store.clone();
        self.patiently(|| store.instance_insert(&instance)).await?;
        let patch = RunPatch { instance_id: Some(instance.id), ..RunPatch::default() };
        let write = self.change().patch(patch);
        self.write(write).await?;
        let identity = self.app.keys.instance_identity(instance.id);
        let identity = identity.map_err(|error| End::new(Reason::Internal, error.to_string()))?;
        let wanted = Wanted {
            instance: instance.id,
            run,
            image: instance.image,
            token: self.app.keys.instance_token(instance.id),
            identity: identity.pem().to_owned(),
        };
        match self.start(&wanted).await {
            Ok(live) => {
                let host = live.endpoint.as_ref().map(ToString::to_string);
                self.patiently(|| {
                    store.instance_set_container(instance.id, &live.container_id, host.as_deref())
                })
                .await?;
                Ok(live)
            }
            Err(error) => {
                let _ = self.app.store.instance_set_state(instance.id, InstanceState::Failed).await;
                Err(end_of(&error).into())
            }
        }
    }

    /// Why a container that was started does not answer.
    pub(super) async fn why_not_ready(&self, live: &Live, error: &crate::agent::Error) -> End {
        let exit = patiently(|| self.app.engine.exit(&live.container_id)).await.ok().flatten();
        let _ = self.app.engine.remove(&live.container_id).await;
        let _ = self.app.store.instance_set_state(live.instance, InstanceState::Failed).await;
        match exit {
            Some(exit) if exit.out_of_memory => {
                End::new(Reason::OutOfMemory, "The container ran out of memory while it started.")
            }
            Some(exit) if exit.code == Some(KILLED) => {
                End::new(Reason::InstanceLost, "The container was killed while it started; retry the run.")
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

    /// Starts a container. An engine that goes away meanwhile may have made it all the same: that one goes first.
    async fn start(&self, wanted: &Wanted) -> Result<Live, Error> {
        let mut tried = false;
        patiently(|| {
            let again = std::mem::replace(&mut tried, true);
            async move {
                if again && let Some(left) = self.app.engine.find(wanted.instance).await? {
                    self.app.engine.remove(&left.container_id).await?;
                }
                self.app.engine.start(wanted).await
            }
        })
        .await
    }
}

impl Booted {
    /// Resolves, with the reason, when the container is no longer there.
    pub(super) fn lost(&self, app: &App) -> impl Future<Output = End> + use<> {
        let (app, instance, container) = (app.clone(), self.instance, self.container_id.clone());
        async move {
            loop {
                stopped(&app, &container).await;
                match patiently(|| app.engine.find(instance)).await {
                    // Only the engine was away.
                    Ok(Some(live)) if live.running => {}
                    Ok(Some(_)) => return how_it_ended(&app, &container).await,
                    Ok(None) => return End::new(Reason::InstanceLost, REMOVED),
                    Err(error) => return end_of(&error),
                }
            }
        }
    }
}

async fn how_it_ended(app: &App, container: &str) -> End {
    match patiently(|| app.engine.exit(container)).await {
        Ok(Some(exit)) if exit.out_of_memory => End::new(Reason::OutOfMemory, OUT_OF_MEMORY),
        Ok(Some(exit)) => {
            let code = exit.code.map_or_else(|| "an unknown code".to_owned(), |code| format!("code {code}"));
            let detail = format!("The container ended with {code}: {}", exit.log_tail.trim());
            End::new(Reason::InstanceLost, detail)
        }
        Ok(None) => End::new(Reason::InstanceLost, REMOVED),
        Err(error) => end_of(&error),
    }
}

/// Resolves when a container no longer runs, or its engine was away for too long.
pub(super) async fn stopped(app: &App, container: &str) {
    let mut away_since = None;
    loop {
        let asked = Instant::now();
        let Err(error) = app.engine.wait(container).await else { return };
        tracing::warn!(container, %error, "the engine cannot say whether a container runs");
        // It was there in between: this is another time that it is away.
        if PAUSE < asked.elapsed() {
            away_since = None;
        }
        if ENGINE_GRACE < away_since.get_or_insert_with(Instant::now).elapsed() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks the engine, again while it is away, for as long as it may take to come back.
pub(super) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let began = Instant::now();
    loop {
        match ask().await {
            Err(Error::EngineAway { .. }) if began.elapsed() < ENGINE_GRACE => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// The end that an engine's refusal means.
pub(super) fn end_of(error: &Error) -> End {
    let reason = match error {
        Error::ImageMissing { .. } => Reason::ImageMissing,
        Error::EngineAway { .. } => Reason::EngineUnavailable,
        Error::PortRefused { .. } | Error::Refused { .. } => Reason::Internal,
    };
    End::new(reason, error.to_string())
}
