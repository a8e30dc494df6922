//! The work on its way out: taken out of the workspace, pushed, and what is beside it fetched and kept. People are told
//! what is not on the branch.

use api::{
    event::{EventBody, GitAction, Notice},
    executor::{Commit, CommitResult, GitFailureCode, Objection, Push},
    run::Reason,
};

use super::{
    Driver, End, Halt,
    execution::insist,
    masking, news,
    steps::{broken, git_end},
};
use crate::{
    agent::{Agent, Error},
    store::RunPatch,
};

/// An executor that was started again does not know whose commits it makes.
const WHOSE: u16 = 409;

impl Driver {
    /// Takes the agent's work out of the workspace. Returns the newest commit, and what the agent has to put right
    /// first.
    pub(super) async fn commit(
        &mut self,
        agent: &Agent,
        message: &str,
    ) -> Result<(Option<String>, Vec<Objection>), Halt> {
        let body = Commit { message: message.to_owned(), rescue: false };
        let done = insist(|| self.take_out(agent, &body)).await.map_err(|error| match &error {
            Error::Refused { failure, .. }
                if failure.git.as_ref().is_some_and(|git| git.code == GitFailureCode::DiskFull) =>
            {
                End::new(Reason::DiskFull, "The container's disk is full.")
            }
            _ => broken(Reason::PushFailed, "The work could not be taken out of the workspace", &error),
        })?;
        Ok((done.head.clone(), self.took_out(done, message).await?))
    }

    /// Asks once, and once more after an executor that was started again was told whose commits it makes.
    pub(super) async fn take_out(&self, agent: &Agent, body: &Commit) -> Result<CommitResult, Error> {
        match agent.commit(body).await {
            Err(Error::Refused { status: WHOSE, .. }) => {
                agent.init_git(&self.identity()).await?;
                agent.commit(body).await
            }
            answer => answer,
        }
    }

    /// Writes down what was taken out, and tells what is not on the branch, each thing once a run.
    pub(super) async fn took_out(
        &mut self,
        mut done: CommitResult,
        message: &str,
    ) -> Result<Vec<Objection>, Halt> {
        // Masked before it is cut: half a secret is not recognised.
        masking::taken(&self.mask, &mut done);
        news::bound(&mut done);
        let step = self.record.run.step;
        let mut write = self.change();
        if let Some(commit) = done.commit.take() {
            let summary = message.to_owned();
            write = write.event(step, EventBody::Git(GitAction::Commit { commit, summary }));
        }
        let objections = std::mem::take(&mut done.objections);
        let mut work = self.record.work.clone();
        for text in news::learn(&mut work, done) {
            write = write.event(step, EventBody::Notice(Notice { about: "work".to_owned(), text }));
        }
        if work != self.record.work {
            write.patch.work = Some(work);
        }
        if !write.events.is_empty() || write.patch.work.is_some() {
            self.write(write).await?;
        }
        Ok(objections)
    }

    /// Pushes the run's branch, if it has commits that were not pushed yet.
    pub(super) async fn push(&mut self, agent: &Agent, stall_seconds: u64) -> Result<(), Halt> {
        let Some(base_commit) = self.record.run.base_commit.clone() else { return Ok(()) };
        let body = Push { branch: self.record.run.branch.clone(), base_commit, stall_seconds };
        self.pushing = true;
        let pushed = insist(|| agent.push(&body)).await;
        self.pushing = false;
        let pushed = pushed.map_err(|error| {
            self.refused = is_refusal(&error);
            match &error {
                Error::Refused { failure, .. } => match &failure.git {
                    Some(git) => git_end(Reason::PushFailed, git),
                    None => End::new(Reason::PushFailed, failure.error.clone()),
                },
                _ => broken(Reason::PushFailed, "The branch could not be pushed", &error),
            }
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

/// Whether the remote has said no: to ask it again changes nothing.
fn is_refusal(error: &Error) -> bool {
    use GitFailureCode::{AuthRequired, NotFound, Rejected};
    let Error::Refused { failure, .. } = error else { return false };
    failure.git.as_ref().is_some_and(|git| matches!(git.code, Rejected | AuthRequired | NotFound))
}
