//! The work itself: clone, then each step with its checks, its commit and its push.

use std::time::Duration;

use api::{
    event::{CheckRun, EventBody, Verdict},
    executor::{Execute, Exit, GitFailure, GitFailureCode, InitGit},
    instance::InstanceState,
    run::{Reason, RunState, Transition},
    task::Step,
};

use super::{
    Driver, End, Halt,
    boot::Booted,
    execution::{insist, session_id},
    feedback::Feedback,
    verdict,
};
use crate::{
    agent::{Agent, Error},
    store::RunPatch,
};

/// After how many seconds without progress a push is given up.
pub(super) const PUSH_STALL_SECONDS: u64 = 120;

/// How long a step may wait at the budget's line beyond its own time-out: nobody waits longer for a person.
const AT_THE_LINE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The executor ends a step that takes too long, and knows how; this much later it is ended from here.
const EXECUTOR_FIRST: Duration = Duration::from_secs(15);

impl Driver {
    /// Does everything the task asks for. What it comes to is said when its work is kept, see `whereabouts`.
    pub(super) async fn work(&mut self, booted: &Booted) -> Result<(), Halt> {
        let agent = &booted.agent;
        self.open_egress(booted).await?;
        self.prepare(agent).await?;
        let steps = self.record.run.task.steps.clone();
        let first = self.record.run.step.max(1) as usize;
        for (at, step) in steps.iter().enumerate().skip(first - 1) {
            self.step(booted, at as u32 + 1, step).await?;
        }
        Ok(())
    }

    /// Git's settings and the repository. What is there already is left as it is.
    async fn prepare(&mut self, agent: &Agent) -> Result<(), Halt> {
        let identity = self.identity();
        insist(|| agent.init_git(&identity))
            .await
            .map_err(|error| broken(Reason::InvalidConfiguration, "git could not be set up", &error))?;
        self.clone_repository(agent).await?;
        if self.record.run.state == RunState::Starting {
            self.transition(Transition::Work).await?;
        }
        if let Some(instance) = self.record.run.instance_id {
            let _ = self.app.store.instance_set_state(instance, InstanceState::Busy).await;
        }
        Ok(())
    }

    /// Whose commits the executor makes.
    pub(super) fn identity(&self) -> InitGit {
        let git = &self.app.config.git;
        InitGit {
            github_username: git.name.clone(),
            email: git.email.clone(),
            ssh_private_key: None,
            ssh_public_key: None,
        }
    }

    /// One step: the agent works until its checks pass or the attempts are used up.
    async fn step(&mut self, booted: &Booted, number: u32, step: &Step) -> Result<(), Halt> {
        let agent = &booted.agent;
        let resumed = self.record.run.step == number && 0 < self.record.run.attempt;
        let mut attempt = if resumed { self.record.run.attempt } else { 1 };
        // After a restart in a later attempt: what the agent is told is found out again, unless it was told already.
        let untold = resumed && 1 < attempt && agent.status(&execution_id(number, attempt)).await.is_err();
        let mut feedback = if untold { self.review(agent, step, attempt - 1).await? } else { None };
        loop {
            if self.record.run.step != number || self.record.run.attempt != attempt {
                let patch = RunPatch { step: Some(number), attempt: Some(attempt), ..RunPatch::default() };
                self.record.run.step = number;
                let write = self.change().patch(patch);
                self.write(write).await?;
            }
            let prompt = feedback.take().map_or_else(|| step.instructions.clone(), |failed| failed.prompt());
            let exit = self.attempt(agent, number, attempt, prompt).await?;
            let exit = self.with_engine_word(&booted.container_id, exit).await;
            self.account(&exit).await?;
            if 0 < exit.memory_kills && verdict::judge(&exit).is_ok() {
                let text =
                    "The container ran out of memory and a process of it was killed; the agent went on.";
                self.notice("memory", text).await?;
            }
            verdict::judge(&exit)?;
            let Some(failed) = self.review(agent, step, attempt).await? else { break };
            if self.app.config.runs.check_attempts < attempt {
                return Err(failed.end(number, attempt).into());
            }
            if let Some(text) = failed.notice() {
                self.notice("work", text).await?;
            }
            feedback = Some(failed);
            attempt += 1;
        }
        self.push(agent, PUSH_STALL_SECONDS).await
    }

    /// Commits the work and has it checked. Returns what the agent has to put right, if anything.
    async fn review(&mut self, agent: &Agent, step: &Step, attempt: u32) -> Result<Option<Feedback>, Halt> {
        // Before the checks, so that they judge what is committed and leave nothing of their own in it.
        let (head, objections) = self.commit(agent, &step.title()).await?;
        if !objections.is_empty() {
            return Ok(Some(Feedback::Objections(objections)));
        }
        Ok(self.checks(agent, step, attempt, head).await?.map(Feedback::Check))
    }

    async fn attempt(
        &mut self,
        agent: &Agent,
        number: u32,
        attempt: u32,
        prompt: String,
    ) -> Result<Exit, Halt> {
        let run = &self.record.run;
        let step_limit = Duration::from_secs(run.task.step_timeout_seconds);
        // The executor's clock does not see a model call that waits at the budget's line: this one does.
        let patience = if self.money.has_limit() { AT_THE_LINE } else { Duration::ZERO };
        let execute = Execute {
            execution_id: execution_id(number, attempt),
            prompt,
            agent: run.task.agent,
            model: run.task.model.clone().unwrap_or_else(|| self.app.config.model.default_model.clone()),
            resume: run.agent_session.clone(),
            session: run.agent_session.is_none().then(|| run.id.to_string()),
            permission_profile: run.task.permission_profile,
            max_turns: run.task.max_turns,
            budget_usd: None,
            timeout_seconds: (step_limit + patience).as_secs(),
            model_retries: Some(self.app.config.runs.model_retries),
            model_token: self.app.keys.model_token(run.id),
            env: self.environment()?,
            repository_settings: run.task.repository_settings,
        };
        let (clock, began) = (self.clock.clone(), self.clock.passed());
        tokio::select! {
            exit = self.execute(agent, &execute) => exit,
            () = clock.reaches(began + step_limit + EXECUTOR_FIRST) => Err(verdict::step_timeout().into()),
        }
    }

    /// An agent that was killed: where the container's own count says nothing, the engine is asked.
    async fn with_engine_word(&self, container: &str, mut exit: Exit) -> Exit {
        if verdict::was_killed(&exit) && exit.memory_kills == 0 {
            let killed = self.app.engine.killed_for_memory(container).await.unwrap_or_default();
            exit.memory_kills = u64::from(killed);
        }
        exit
    }

    /// Cost and tokens, as the broker has metered them.
    async fn account(&mut self, exit: &Exit) -> Result<(), Halt> {
        let (cost, usage) = self.money.totals();
        let agent_session = exit.result.as_ref().and_then(|result| result.session_id.clone());
        let agent_session = agent_session.and_then(session_id);
        let patch = RunPatch { cost: Some(cost), usage: Some(usage), agent_session, ..RunPatch::default() };
        let write = self.change().patch(patch);
        self.write(write).await
    }

    /// Runs the step's checks of this commit. Returns the one that did not pass, if any.
    async fn checks(
        &mut self,
        agent: &Agent,
        step: &Step,
        attempt: u32,
        commit: Option<String>,
    ) -> Result<Option<CheckRun>, Halt> {
        if step.checks.is_empty() {
            return Ok(None);
        }
        let (checks, env) = (step.checks.clone(), self.environment()?);
        let body = api::executor::Checks { checks, attempt, env, commit };
        let ran = insist(|| agent.checks(&body))
            .await
            .map_err(|error| broken(Reason::InstanceLost, "The checks could not be run", &error))?;
        let mut failed = None;
        for check in ran.results {
            if check.verdict != Verdict::Passed && failed.is_none() {
                failed = Some(check.clone());
            }
            self.event(EventBody::Check(check)).await?;
        }
        Ok(failed)
    }
}

/// The name of an attempt, to the executor.
fn execution_id(step: u32, attempt: u32) -> String {
    format!("step-{step}-attempt-{attempt}")
}

pub(super) fn git_end(reason: Reason, failure: &GitFailure) -> End {
    let reason = if failure.code == GitFailureCode::DiskFull { Reason::DiskFull } else { reason };
    End::new(reason, failure.message.clone())
}

/// The end that a failed request to the executor means: one that was cut is a lost container.
pub(super) fn broken(reason: Reason, what: &str, error: &Error) -> End {
    match error {
        Error::Unreachable(why) => {
            End::new(Reason::InstanceLost, format!("{what}: the executor no longer answers ({why})."))
        }
        Error::Refused { failure, .. } => End::new(reason, format!("{what}: {}", failure.error)),
        Error::Protocol(why) => End::new(Reason::Internal, format!("{what}: {why}")),
    }
}
