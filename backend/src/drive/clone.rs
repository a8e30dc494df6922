//! The clone: begun once, heard to its end over as many connections as it takes.

use api::{
    executor::{CloneLine, GitClone},
    run::Reason,
};
use futures::StreamExt;

use super::{
    Driver, End, Halt,
    execution::{PATIENCE, PAUSE},
    steps::{broken, git_end},
};
use crate::{
    agent::{Agent, Error},
    app::repository::parse,
    store::RunPatch,
};

/// How many per cent a clone must be further before the log says so: each line of it is kept for ever.
const CLONE_PERCENT: u8 = 10;

impl Driver {
    /// Clones the run's repository, unless that was done before.
    pub(super) async fn clone_repository(&mut self, agent: &Agent) -> Result<(), Halt> {
        let run = &self.record.run;
        let url = parse(&run.repository)
            .map_err(|error| End::new(Reason::InvalidConfiguration, error.to_string()))?;
        let body = GitClone {
            repository_url: url.to_string(),
            r#ref: run.r#ref.clone(),
            depth: None,
            work_branch: Some(run.branch.clone()),
            submodules: run
                .task
                .submodules
                .iter()
                .filter_map(|other| parse(other).ok())
                .map(Into::into)
                .collect(),
        };
        let began = tokio::time::Instant::now();
        loop {
            match self.clone_once(agent, &body).await? {
                Ok(()) => return Ok(()),
                // Only the connection was cut: the clone goes on, and the next call hears how it ended.
                Err(Error::Unreachable(_)) if began.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    return Err(
                        broken(Reason::CloneFailed, "The repository could not be cloned", &error).into()
                    );
                }
            }
        }
    }

    /// Clones, or hears how a clone goes on that was begun before.
    async fn clone_once(&mut self, agent: &Agent, body: &GitClone) -> Result<Result<(), Error>, Halt> {
        let lines = match agent.clone_repository(body).await {
            Ok(lines) => lines,
            Err(error) => return Ok(Err(error)),
        };
        let mut lines = std::pin::pin!(lines);
        let mut shown = (String::new(), 0);
        while let Some(line) = lines.next().await {
            match line {
                Ok(CloneLine::Progress { phase, percent }) => {
                    if shown.0 != phase || shown.1 + CLONE_PERCENT <= percent {
                        self.progress("clone", format!("{phase} {percent} %"), Some(percent)).await?;
                        shown = (phase, percent);
                    }
                }
                Ok(CloneLine::Notice { text }) => self.notice("repository", text).await?,
                Ok(CloneLine::Done { commit, branch }) => {
                    if self.record.run.base_commit.is_none() {
                        let short: String = commit.chars().take(10).collect();
                        let patch = RunPatch { base_commit: Some(commit), ..RunPatch::default() };
                        let write = self.change().patch(patch);
                        self.write(write).await?;
                        self.progress("clone", format!("Cloned at {short}, on branch {branch}."), Some(100))
                            .await?;
                    }
                    return Ok(Ok(()));
                }
                Ok(CloneLine::Failed(failure)) => return Err(git_end(Reason::CloneFailed, &failure).into()),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Err(Error::Unreachable("the clone ended without a result".to_owned())))
    }
}
