//! What checks see of git: in the workspace a repository as it was fetched, in the place of the agent's; or a checkout
//! of a commit in a folder of its own.

use std::{
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use api::executor::GitFailure;
use tokio::sync::OwnedMutexGuard;

use super::{Answer, Git, LOCAL_STALL, Request, Settle, failed, unexpected};

impl Git {
    /// Waits until nobody judges the work. Nobody begins to, and no work is taken out, until the guard is dropped.
    pub(crate) async fn judge(&self) -> OwnedMutexGuard<()> {
        self.0.judging.clone().lock_owned().await
    }

    /// Puts the agent's repository aside, and one as it was fetched in its place. Does nothing without a clone.
    ///
    /// # Errors
    /// When the commit is not there, or the disk is full; then all is as it was.
    pub(crate) async fn lend(&self, commit: Option<&str>) -> Result<(), GitFailure> {
        let _turn = self.0.turn.write().await;
        if self.ledger().repository.is_none() {
            return Ok(());
        }
        self.bring_back().await?;
        // A name that the agent cannot have used.
        let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let aside = format!(".caisson-aside-{now}");
        let settle = Settle { head: Some(self.judged(commit)), ..self.settle(Path::new("")) };
        self.change(|ledger| ledger.aside = Some(aside.clone()))?;
        let lent = self.done(&Request::Lend { settle, aside }).await;
        if lent.is_err() {
            self.bring_back().await?;
        }
        lent
    }

    /// Puts the agent's repository back where it was put aside, also by an executor before this one.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub(crate) async fn give_back(&self) -> Result<(), GitFailure> {
        let _turn = self.0.turn.write().await;
        self.bring_back().await
    }

    async fn bring_back(&self) -> Result<(), GitFailure> {
        let Some(aside) = self.ledger().aside else { return Ok(()) };
        let workspace = self.0.workspace.clone();
        self.done(&Request::GiveBack { workspace, aside }).await?;
        self.change(|ledger| ledger.aside = None)
    }

    /// Makes a checkout of a commit in a new folder; returns the commit's id. Ends when the caller is gone.
    ///
    /// # Errors
    /// When the commit is not there, or the disk is full.
    pub(crate) async fn check_out(
        &self,
        commit: Option<&str>,
        folder: PathBuf,
    ) -> Result<String, GitFailure> {
        if self.ledger().repository.is_none() {
            return Err(failed("there is no clone to check out".to_owned()));
        }
        let head = self.judged(commit);
        let settle = self.settle(Path::new(""));
        let settle = Settle { head: Some(head.clone()), workspace: folder, branch: None, ..settle };
        self.done(&Request::CheckOut(settle)).await?;
        Ok(head)
    }

    /// The commit that is judged when none is named: the newest one.
    fn judged(&self, commit: Option<&str>) -> String {
        let ledger = self.ledger();
        commit.map(str::to_owned).or(ledger.head).unwrap_or(ledger.base)
    }

    async fn done(&self, request: &Request) -> Result<(), GitFailure> {
        match self.work(request, LOCAL_STALL, |_| {}).await? {
            Answer::Done => Ok(()),
            answer => Err(unexpected(&answer)),
        }
    }
}
