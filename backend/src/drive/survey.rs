//! Before a container is made: whether the repository can be read at the run's ref, and pushed to. What can be
//! known of that costs two questions here, and a container and an agent's work later.

use api::{
    executor::{GIT_PATIENCE, GitFailure, GitFailureCode as Code, Pauses, Told},
    run::Reason,
};

use futures::future::try_join_all;

use super::{Driver, End, Halt, wait};
use crate::app::repository::{parse, refs};

/// From this pause on people are told.
const TOLD: std::time::Duration = std::time::Duration::from_secs(1);

impl Driver {
    /// Whether the servers of the run's repositories are ones that this server connects to.
    ///
    /// # Errors
    /// The run's end, with the repository and the remedy.
    pub(super) async fn check_addresses(&self) -> Result<(), Halt> {
        let (run, broker) = (&self.record.run, &self.app.broker);
        let submodules = run.task.submodules.iter().enumerate();
        let submodules = submodules.map(|(at, submodule)| (format!("submodules[{at}]"), submodule));
        let all = [("repository".to_owned(), &run.repository)].into_iter().chain(submodules);
        let checks = all.map(|(field, repository)| async move {
            // What cannot be read is told where it is used.
            let Ok(url) = parse(repository) else { return Ok(()) };
            broker.check_resolved(&url).await.map_err(|why| format!("{field}: {why}"))
        });
        tokio::select! {
            biased;
            () = self.driven.cancel.cancelled() => Err(End::cancelled().into()),
            () = self.leave.cancelled() => Err(Halt::Leave),
            checked = try_join_all(checks) => {
                checked.map(drop).map_err(|why| End::new(Reason::InvalidConfiguration, why).into())
            }
        }
    }

    /// Asks the repository's server; again for two minutes when it is in trouble.
    ///
    /// # Errors
    /// The run's end, when it cannot work there.
    pub(super) async fn survey(&mut self) -> Result<(), Halt> {
        let run = &self.record.run;
        let invalid = |error: api::error::ApiError| End::new(Reason::InvalidConfiguration, error.to_string());
        let (url, branch, wanted) =
            (parse(&run.repository).map_err(invalid)?, run.branch.clone(), run.r#ref.clone());
        let broker = self.app.broker.clone();
        let survey = match self.asked(|| broker.survey(&url)).await? {
            Ok(survey) => survey,
            Err(failure) if failure.code == Code::NotFound => {
                return Err(End::new(Reason::RepositoryNotFound, failure.message).into());
            }
            Err(failure) => return Err(End::new(Reason::CloneFailed, failure.message).into()),
        };
        refs::find(&survey, wanted.as_deref()).map_err(|why| End::new(Reason::CloneFailed, why))?;
        refs::room_for(&survey, &branch).map_err(|why| End::new(Reason::PushNotPermitted, why))?;
        match self.asked(|| broker.may_push(&url)).await? {
            Ok(()) => Ok(()),
            // It may be well again when there is something to push.
            Err(failure) if failure.is_short() => {
                let text = format!("Whether the run may push is not known: {}", failure.message);
                self.notice("repository", text).await
            }
            Err(failure) => {
                let detail = format!("The run could not push its branch: {}", failure.message);
                Err(End::new(Reason::PushNotPermitted, detail).into())
            }
        }
    }

    async fn asked<T, F>(&mut self, ask: impl Fn() -> F) -> Result<Result<T, GitFailure>, Halt>
    where
        F: Future<Output = Result<T, Told>>,
    {
        let (cancel, leave) = (self.driven.cancel.clone(), self.leave.clone());
        let (mut pauses, mut noticed) = (Pauses::default(), false);
        loop {
            let answer = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(End::cancelled().into()),
                () = leave.cancelled() => return Err(Halt::Leave),
                answer = ask() => answer,
            };
            let told = match answer {
                Ok(answer) => return Ok(Ok(answer)),
                Err(told) => told,
            };
            let why = told.failure.message.clone();
            let pause = match pauses.after(told) {
                Ok(pause) => pause,
                Err(failure) => return Ok(Err(failure)),
            };
            if TOLD <= pause {
                let (waited, most) = (pauses.waited().as_secs(), GIT_PATIENCE.as_secs());
                if !std::mem::replace(&mut noticed, true) {
                    self.notice("repository", format!("{why}. It is tried again for up to {most} s."))
                        .await?;
                }
                let percent = u8::try_from(100 * waited / most).unwrap_or(100);
                self.progress("repository", "Waiting for the git server.", Some(percent)).await?;
            }
            tokio::select! {
                () = cancel.cancelled() => return Err(End::cancelled().into()),
                stopped = wait(&leave, pause) => if stopped { return Err(Halt::Leave) },
            }
        }
    }
}
