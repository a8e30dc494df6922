//! The work itself: clone, then each step with its checks, its commit and its push.

use std::time::Duration;

use api::{
    event::{CheckRun, EventBody, GitAction, Verdict},
    executor::{Commit, Execute, Exit, GitFailure, GitFailureCode, InitGit, Push},
    instance::InstanceState,
    run::{Reason, RunState, Transition},
    task::Step,
};

use super::{Driver, End, Halt, boot::Booted, execution::insist, verdict};
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
    /// Does everything the task asks for.
    pub(super) async fn work(&mut self, booted: &Booted) -> Result<End, Halt> {
        let agent = &booted.agent;
        self.open_egress(booted).await?;
        self.prepare(agent).await?;
        let steps = self.record.run.task.steps.clone();
        let first = self.record.run.step.max(1) as usize;
        for (at, step) in steps.iter().enumerate().skip(first - 1) {
            self.step(booted, at as u32 + 1, step).await?;
        }
        match self.record.run.head_commit.clone() {
            Some(_) => Ok(End::new(
                Reason::Completed,
                format!("All done; the work is on branch {}.", self.record.run.branch),
            )),
            None => {
                Ok(End::new(Reason::NoChanges, "All done; nothing had to be changed, so nothing was pushed."))
            }
        }
    }

    /// Git's settings and the repository. What is there already is left as it is.
    async fn prepare(&mut self, agent: &Agent) -> Result<(), Halt> {
        let config = &self.app.config;
        let init = InitGit {
            github_username: config.git.name.clone(),
            email: config.git.email.clone(),
            ssh_private_key: None,
            ssh_public_key: None,
        };
        insist(|| agent.init_git(&init))
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

    /// One step: the agent works until its checks pass or the attempts are used up.
    async fn step(&mut self, booted: &Booted, number: u32, step: &Step) -> Result<(), Halt> {
        let agent = &booted.agent;
        let resumed = self.record.run.step == number && 0 < self.record.run.attempt;
        let mut attempt = if resumed { self.record.run.attempt } else { 1 };
        // After a restart in a later attempt: what the checks say now is what the agent is told.
        let mut feedback =
            if resumed && 1 < attempt { self.checks(agent, step, attempt - 1).await? } else { None };
        loop {
            if self.record.run.step != number || self.record.run.attempt != attempt {
                let patch = RunPatch { step: Some(number), attempt: Some(attempt), ..RunPatch::default() };
                self.record.run.step = number;
                let write = self.change().patch(patch);
                self.write(write).await?;
            }
            let prompt =
                feedback.take().map_or_else(|| step.instructions.clone(), |failed| give_back(&failed));
            let exit = self.attempt(agent, number, attempt, prompt).await?;
            let exit = self.with_engine_word(&booted.container_id, exit).await;
            self.account(&exit).await?;
            if 0 < exit.memory_kills && verdict::judge(&exit).is_ok() {
                let text =
                    "The container ran out of memory and a process of it was killed; the agent went on.";
                self.notice("memory", text).await?;
            }
            verdict::judge(&exit)?;
            // Before the checks, so that they judge what is committed and leave nothing of their own in it.
            self.commit(agent, &step.title()).await?;
            let Some(failed) = self.checks(agent, step, attempt).await? else { break };
            if self.app.config.runs.check_attempts < attempt {
                let detail = format!(
                    "`{}` failed after {attempt} attempts at step {number}: {}",
                    failed.run, failed.why
                );
                return Err(End::new(Reason::CheckFailed, detail).into());
            }
            feedback = Some(failed);
            attempt += 1;
        }
        self.push(agent, PUSH_STALL_SECONDS).await
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
            execution_id: format!("step-{number}-attempt-{attempt}"),
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
            let killed = self.app.containers.killed_for_memory(container).await.unwrap_or_default();
            exit.memory_kills = u64::from(killed);
        }
        exit
    }

    /// Cost and tokens, as the broker has metered them.
    async fn account(&mut self, exit: &Exit) -> Result<(), Halt> {
        let (cost, usage) = self.money.totals();
        let agent_session = exit.result.as_ref().and_then(|result| result.session_id.clone());
        let patch = RunPatch { cost: Some(cost), usage: Some(usage), agent_session, ..RunPatch::default() };
        let write = self.change().patch(patch);
        self.write(write).await
    }

    /// Runs the step's checks. Answers the one that did not pass, if any.
    async fn checks(&mut self, agent: &Agent, step: &Step, attempt: u32) -> Result<Option<CheckRun>, Halt> {
        if step.checks.is_empty() {
            return Ok(None);
        }
        let body = api::executor::Checks { checks: step.checks.clone(), attempt, env: self.environment()? };
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

    /// Commits what the agent left uncommitted.
    pub(super) async fn commit(&mut self, agent: &Agent, message: &str) -> Result<(), Halt> {
        let body = Commit { message: message.to_owned(), rescue: false };
        let done = insist(|| agent.commit(&body)).await.map_err(|error| match &error {
            Error::Refused { failure, .. }
                if failure.git.as_ref().is_some_and(|git| git.code == GitFailureCode::DiskFull) =>
            {
                End::new(Reason::DiskFull, "The container's disk is full.")
            }
            _ => broken(Reason::Internal, "The work could not be committed", &error),
        })?;
        if let Some(commit) = done.commit {
            self.event(EventBody::Git(GitAction::Commit { commit, summary: message.to_owned() })).await?;
        }
        Ok(())
    }

    /// Pushes the run's branch, if it has commits that were not pushed yet.
    pub(super) async fn push(&mut self, agent: &Agent, stall_seconds: u64) -> Result<(), Halt> {
        let Some(base_commit) = self.record.run.base_commit.clone() else { return Ok(()) };
        let body = Push { branch: self.record.run.branch.clone(), base_commit, stall_seconds };
        let pushed = insist(|| agent.push(&body)).await.map_err(|error| match &error {
            Error::Refused { failure, .. } => match &failure.git {
                Some(git) => git_end(Reason::PushFailed, git),
                None => End::new(Reason::PushFailed, failure.error.clone()),
            },
            _ => broken(Reason::PushFailed, "The branch could not be pushed", &error),
        })?;
        if pushed.commits == 0 || self.record.run.head_commit.as_ref() == Some(&pushed.head_commit) {
            return Ok(());
        }
        for notice in pushed.notices {
            self.notice("push", notice).await?;
        }
        let patch = RunPatch { head_commit: Some(pushed.head_commit.clone()), ..RunPatch::default() };
        let action =
            GitAction::Push { branch: body.branch, commit: pushed.head_commit, commits: pushed.commits };
        let write = self.change().patch(patch).event(self.record.run.step, EventBody::Git(action));
        self.write(write).await
    }
}

/// What the agent is told about a check that failed.
fn give_back(failed: &CheckRun) -> String {
    format!(
        "The check `{}` does not pass: {}.\n\nThe end of its output:\n```\n{}\n```\n\nMake it pass.",
        failed.run,
        failed.why.trim_end_matches('.'),
        failed.output.trim_end()
    )
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
