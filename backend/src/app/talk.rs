//! Talking to a run: say something to its agent, answer what it waits for, see what it has changed.

use std::sync::Arc;

use api::{
    error::ApiError,
    executor::Diff,
    id::{InstanceId, RunId},
    instance::Instance,
    run::{GateKind, Run, RunDiff, RunState},
};
use base64::Engine;
use uuid::Uuid;

use super::{App, Error, not_found, verbs::Verb};
use crate::{
    agent::{self, Agent, Dial},
    caller::Caller,
    drive,
    endpoint::Endpoint,
    keys,
    mask::Mask,
    store,
};

/// The longest message or answer, in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// The most messages that may wait for an agent.
const MAX_WAITING: u64 = 16;
/// The largest patch that is shown or kept, in bytes.
pub(crate) const MAX_PATCH: u64 = 16 << 20;
/// The artifact that holds everything since the base commit.
pub(crate) const CHANGES: &str = "changes.patch";
/// The list of files beside it.
pub(crate) const CHANGED_FILES: &str = "changes.json";

impl App {
    /// Keeps a message for the run's agent, which gets it at once while it works.
    ///
    /// # Errors
    /// `Invalid` for a text that cannot be, `NotFound`, `Conflict` when the run is over, `Limit`.
    pub async fn run_send(&self, caller: &Caller, id: RunId, text: String) -> Result<Run, Error> {
        let work = |app: Self| async move { app.keep_message(id, &text).await };
        self.change(caller, Verb::RunsSend, id.0, work).await
    }

    async fn keep_message(&self, id: RunId, text: &str) -> Result<Run, Error> {
        check_text("text", text)?;
        self.still_works(id).await?;
        if MAX_WAITING <= self.store.message_count_waiting(id).await? {
            let limit = "messages that wait for the agent".to_owned();
            return Err(ApiError::Limit { limit, value: MAX_WAITING }.into());
        }
        self.store.message_insert(id, text).await?;
        self.wake(id).await?;
        self.run(id).await
    }

    /// Answers a gate of a run, once.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` for an answer that makes no sense, `Conflict` when it was answered before or the
    /// run is over.
    pub async fn run_answer(
        &self,
        caller: &Caller,
        id: RunId,
        gate: Uuid,
        answer: String,
    ) -> Result<Run, Error> {
        let work = move |app: Self| async move { app.answer_gate(id, gate, &answer).await };
        self.change(caller, Verb::RunsAnswer, id.0, work).await
    }

    async fn answer_gate(&self, id: RunId, gate: Uuid, answer: &str) -> Result<Run, Error> {
        check_text("answer", answer)?;
        let Some(found) = self.store.gate_fetch(id, gate).await? else { return Err(not_found("gate", gate)) };
        let run = self.still_works(id).await?;
        if found.gate.kind == GateKind::Budget {
            let of_batch = run.batch_id.filter(|_| found.of_batch);
            let spent = match of_batch {
                Some(batch) => self.store.batch_budget(batch).await?.map_or(0.0, |budget| budget.spent),
                None => run.cost.usd,
            };
            check_budget_answer(answer, spent)?;
        }
        if !self.store.gate_answer(id, gate, answer.trim()).await? {
            return Err(ApiError::Conflict { why: format!("gate {gate} was answered before") }.into());
        }
        self.wake(id).await?;
        self.run(id).await
    }

    /// What the run has changed since its base commit.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, or `Unavailable` while its container cannot be asked.
    pub async fn run_diff(&self, caller: &Caller, id: RunId) -> Result<RunDiff, Error> {
        Verb::RunsDiff.check(caller)?;
        let run = self.run(id).await?;
        let kept = self.store.artifact_get(id, CHANGED_FILES).await?;
        if let Some(kept) = kept
            && let Ok(mut diff) = serde_json::from_slice::<RunDiff>(&kept)
        {
            let patch = self.store.artifact_get(id, CHANGES).await?.unwrap_or_default();
            diff.patch = String::from_utf8_lossy(&patch).into_owned();
            return Ok(diff);
        }
        let Some(base_commit) = run.base_commit.clone().filter(|_| run.state != RunState::Ended) else {
            return Ok(RunDiff {
                base_commit: run.base_commit,
                files: Vec::new(),
                patch: String::new(),
                left_out: 0,
            });
        };
        let agent = self.agent_of(&run).await?;
        let ask = Diff { base_commit: Some(base_commit), max_bytes: MAX_PATCH };
        let diff = agent.diff(&ask).await.map_err(|error| unavailable(&error))?;
        let mask = self.mask_of(&run).await?;
        let patch = decode(&diff.patch);
        let mut diff = RunDiff {
            base_commit: run.base_commit,
            files: diff.files,
            patch: mask.text(&String::from_utf8_lossy(&patch)).into_owned(),
            left_out: diff.left_out,
        };
        diff.files.iter_mut().for_each(|file| mask.apply(&mut file.path));
        Ok(diff)
    }

    /// What must not be said of a run: what its driver masks, if it is here, or what it would.
    async fn mask_of(&self, run: &Run) -> Result<Arc<Mask>, store::Error> {
        let driven = self.drivers().get(&run.id).and_then(|driver| driver.mask.borrow().clone());
        match driven {
            Some(mask) => Ok(mask),
            None => drive::mask_of(self, run).await,
        }
    }

    /// The executor of a run that has a container.
    async fn agent_of(&self, run: &Run) -> Result<Agent, Error> {
        let instance = match run.instance_id {
            Some(id) => self.store.instance_fetch(id).await?,
            None => None,
        };
        instance.and_then(|instance| self.agent_at(&instance)).ok_or_else(|| {
            Error::from(ApiError::Unavailable {
                what: "container".to_owned(),
                why: "the run has none yet".to_owned(),
                retry_after_ms: super::RETRY_AFTER_MS,
            })
        })
    }

    /// The executor of an instance, once its address is known.
    pub(super) fn agent_at(&self, instance: &Instance) -> Option<Agent> {
        self.executor_at(instance.id, &instance.host.as_deref()?.parse().ok()?).ok()
    }

    /// The executor of an instance at this endpoint.
    ///
    /// # Errors
    /// When its certificate cannot be made.
    pub(crate) fn executor_at(&self, id: InstanceId, endpoint: &Endpoint) -> Result<Agent, keys::Error> {
        let identity = self.keys.instance_identity(id)?;
        Ok(Agent::new(Dial::to(endpoint, &identity), self.keys.instance_token(id)))
    }

    async fn still_works(&self, id: RunId) -> Result<Run, Error> {
        let run = self.run(id).await?;
        match run.state {
            RunState::Ended => Err(ApiError::Conflict { why: format!("run {id} is over") }.into()),
            RunState::Stopping => {
                Err(ApiError::Conflict { why: format!("run {id} is being stopped") }.into())
            }
            RunState::Queued | RunState::Starting | RunState::Running | RunState::Waiting => Ok(run),
        }
    }

    /// Wakes the driver of a run, wherever it is.
    pub(crate) async fn wake(&self, id: RunId) -> Result<(), store::Error> {
        if self.wake_here(id) {
            return Ok(());
        }
        self.store.announce(id).await
    }

    /// Wakes the driver of a run, if it is here. Returns whether it is.
    pub(crate) fn wake_here(&self, id: RunId) -> bool {
        let drivers = self.drivers();
        let driver = drivers.get(&id);
        if let Some(driver) = driver {
            driver.inbox.notify_one();
            driver.egress.notify_one();
        }
        driver.is_some()
    }
}

/// The bytes of a patch as the executor sends them.
pub(crate) fn decode(patch: &str) -> Vec<u8> {
    base64::prelude::BASE64_STANDARD.decode(patch).unwrap_or_default()
}

/// The new limit that an answer to a budget gate names, in US dollars; `None` stops the run.
pub(crate) fn new_budget(answer: &str) -> Option<f64> {
    answer.trim().trim_start_matches('$').parse().ok().filter(|usd: &f64| usd.is_finite())
}

fn check_text(field: &str, text: &str) -> Result<(), ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::invalid(field, "is blank"));
    }
    if MAX_TEXT < text.len() {
        return Err(ApiError::invalid(field, format!("is longer than {MAX_TEXT} bytes")));
    }
    Ok(())
}

fn check_budget_answer(answer: &str, spent: f64) -> Result<(), ApiError> {
    match new_budget(answer) {
        _ if answer.trim() == "stop" => Ok(()),
        Some(usd) if spent < usd => Ok(()),
        Some(_) => {
            Err(ApiError::invalid("answer", format!("{spent:.4} US dollars are spent already: name more")))
        }
        None => {
            Err(ApiError::invalid("answer", "is neither `stop` nor a new limit in US dollars, such as 2.50"))
        }
    }
}

pub(super) fn unavailable(error: &agent::Error) -> Error {
    ApiError::Unavailable {
        what: "container".to_owned(),
        why: error.to_string(),
        retry_after_ms: super::RETRY_AFTER_MS,
    }
    .into()
}
