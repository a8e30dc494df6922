//! What the executor remembers of the work, on disk: it may be started again in the same container.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use api::executor::Elsewhere;
use serde::{Deserialize, Serialize};

/// What was cloned, and what has become of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ledger {
    /// The repository; `None` before the clone is done.
    pub(super) repository: Option<String>,
    /// The commit the run started from.
    pub(super) base: String,
    /// The branch that is checked out; `None` is no branch.
    pub(super) branch: Option<String>,
    /// The only branch that is fetched later.
    pub(super) only: Option<String>,
    /// The branch that the clone was of; `None` for a tag or a commit.
    pub(super) fetched: Option<String>,
    /// The newest commit that was pushed.
    pub(super) pushed: Option<String>,
    /// The newest commit of the work.
    pub(super) head: Option<String>,
    /// Work that is not on the run's line.
    pub(super) elsewhere: Vec<Elsewhere>,
    /// Files that were kept, with what they are.
    pub(super) artifacts: BTreeMap<String, String>,
    /// Set while a clone writes to the workspace.
    pub(super) is_cloning: bool,
    /// Set while checks have a repository of their own in the workspace: the name of the agent's.
    pub(super) aside: Option<String>,
}

/// The places in the executor's own folder.
#[derive(Clone, Debug)]
pub(super) struct Places {
    spool: PathBuf,
}

impl Places {
    pub(super) fn of(spool: &Path) -> Self {
        Self { spool: spool.to_owned() }
    }

    /// The executor's own repository.
    pub(super) fn vault(&self) -> PathBuf {
        self.spool.join("repository.git")
    }

    /// The folder of what is kept beside the commits.
    pub(super) fn kept(&self) -> PathBuf {
        self.spool.join("kept")
    }

    fn ledger(&self) -> PathBuf {
        self.spool.join("ledger.json")
    }

    /// What an earlier executor has noted; nothing when there was none.
    pub(super) fn read(&self) -> Ledger {
        let text = fs::read(self.ledger()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Notes it: whole or not at all.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn write(&self, ledger: &Ledger) -> io::Result<()> {
        let part = self.ledger().with_extension("part");
        fs::write(&part, serde_json::to_vec(ledger)?)?;
        fs::rename(part, self.ledger())
    }
}

impl Ledger {
    /// What the agent's work is combined with.
    pub(super) fn pushed_or_base(&self) -> &str {
        self.pushed.as_deref().unwrap_or(&self.base)
    }
}
