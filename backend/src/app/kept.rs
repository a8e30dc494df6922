//! What is kept of a run, as it is downloaded: its log and its artifacts.

use api::{error::ApiError, id::RunId};

use super::{App, Error, verbs::Verb};
use crate::{
    caller::Caller,
    store::{self, EventPage, HeldArtifact, PageLimit},
};

/// The log of a run, page by page.
#[derive(Clone)]
pub(crate) struct RunLog {
    store: store::Store,
    run: RunId,
    /// Whether its events were removed because they were old.
    pub(crate) is_removed: bool,
}

impl RunLog {
    /// The events after this number; none when it is the last one.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn page(&self, after: i64) -> Result<EventPage, store::Error> {
        self.store.event_page(self.run, after, PageLimit::STREAM).await
    }
}

impl App {
    /// The log of a run as far as it is written.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub(crate) async fn run_log(&self, caller: &Caller, id: RunId) -> Result<RunLog, Error> {
        Verb::RunsLog.check(caller)?;
        let run = self.run(id).await?;
        Ok(RunLog { store: self.store.clone(), run: id, is_removed: run.events_removed_at.is_some() })
    }

    /// Something that is kept of a run beside its events.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub(crate) async fn run_artifact(
        &self,
        caller: &Caller,
        id: RunId,
        name: &str,
    ) -> Result<HeldArtifact, Error> {
        Verb::RunsArtifact.check(caller)?;
        self.run(id).await?;
        let content = self.store.artifact_held(id, name).await?;
        content.ok_or_else(|| ApiError::NotFound { what: "artifact".to_owned(), id: name.to_owned() }.into())
    }
}
