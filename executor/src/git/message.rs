//! What the executor and its git worker say to each other.

use std::{net::SocketAddr, path::PathBuf};

use api::executor::{CommitResult, Diff, DiffResult, Elsewhere, GitClone, GitFailure, Push, PushResult};
use serde::{Deserialize, Serialize};

use crate::workspace::InnerBundle;

/// What the worker is asked; JSON on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Fetch into the executor's own repository.
    Fetch {
        /// The executor's repository.
        vault: PathBuf,
        /// As the caller asked for it.
        clone: GitClone,
        /// The relay's address.
        relay: SocketAddr,
    },
    /// Make the workspace's repository and files.
    Checkout {
        /// As the caller asked for it.
        clone: GitClone,
        /// What was fetched.
        fetched: Fetched,
        /// The places.
        settle: Settle,
    },
    /// Empty the workspace after a clone that failed.
    Clear {
        /// The folder.
        workspace: PathBuf,
    },
    /// Take the work out of the workspace.
    Collect(Collect),
    /// Bring the workspace's repository to where its work was taken to.
    Settle(Settle),
    /// Put the agent's repository aside, and one as it was fetched in its place.
    Lend {
        /// What the new one has.
        settle: Settle,
        /// The name of the agent's, in the workspace and then in the new one.
        aside: String,
    },
    /// Put the agent's repository back.
    GiveBack {
        /// The folder.
        workspace: PathBuf,
        /// The name of the agent's.
        aside: String,
    },
    /// Make a checkout of a commit in a folder of its own, which is the settings' workspace.
    CheckOut(Settle),
    /// Note in the executor's repository what was taken into it.
    Note {
        /// The executor's repository.
        vault: PathBuf,
        /// References with the commits they are set to; all others below `refs/elsewhere/` go.
        refs: Vec<(String, String)>,
        /// Whether those go that are not named.
        replace: bool,
    },
    /// Compare the files with a commit.
    Diff {
        /// The places.
        collect: Collect,
        /// As the caller asked for it.
        diff: Diff,
    },
    /// Push the executor's head.
    Push {
        /// The executor's repository.
        vault: PathBuf,
        /// The commit to push.
        head: String,
        /// As the caller asked for it.
        push: Push,
        /// The relay's address.
        relay: SocketAddr,
        /// What was cloned.
        repository: String,
    },
    /// Set the author in the agent's own git settings.
    Identify {
        /// The agent's home.
        home: PathBuf,
        /// The name.
        name: String,
        /// The address.
        email: String,
    },
}

impl Request {
    /// Whether the workspace stays as it is.
    pub(crate) const fn only_reads(&self) -> bool {
        matches!(self, Self::Diff { .. } | Self::Push { .. })
    }

    /// Whether it is about the executor's own repository, and needs nothing of the agent's.
    pub(crate) const fn is_own(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Note { .. } | Self::Push { .. })
    }
}

/// Where the work is and how it is to be taken out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Collect {
    /// The agent's files.
    pub(crate) workspace: PathBuf,
    /// Where the stage may be.
    pub(crate) home: PathBuf,
    /// The executor's repository.
    pub(crate) vault: PathBuf,
    /// The commit the run started from.
    pub(crate) base: String,
    /// The newest commit that was pushed, or the base.
    pub(crate) pushed: String,
    /// The newest commit that was taken out before.
    pub(crate) head: Option<String>,
    /// Where work was found before.
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// The message of the commit.
    pub(crate) message: String,
    /// Whose commit it is.
    pub(crate) name: String,
    /// Their address.
    pub(crate) email: String,
    /// Whether the run did not finish.
    pub(crate) rescue: bool,
    /// Whether the agent's own commits must be left out of the run's line, because they are damaged.
    pub(crate) distrust: bool,
    /// The run's branch.
    pub(crate) branch: Option<String>,
}

/// What was taken out, for the executor to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Collected {
    /// The folder that has the commits.
    pub(crate) stage: PathBuf,
    /// For the caller.
    pub(crate) result: CommitResult,
    /// Work of this repository that is not on the run's line.
    pub(crate) elsewhere: Vec<Elsewhere>,
    /// What the agent itself has pushed to the run's branch.
    pub(crate) seen: Option<String>,
    /// All commits to take over.
    pub(crate) tips: Vec<String>,
    /// Files that are in no commit, to be kept as an archive.
    pub(crate) left_out: Vec<PathBuf>,
    /// Bundles to be made of repositories inside.
    pub(crate) bundles: Vec<InnerBundle>,
    /// Whether the workspace needs a new repository.
    pub(crate) replace: bool,
    /// The newest commit of the agent's line, with its files.
    pub(crate) own: String,
    /// Files that are not checked out.
    pub(crate) hidden: Vec<PathBuf>,
}

/// What to bring the workspace's repository to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settle {
    /// The agent's files.
    pub(crate) workspace: PathBuf,
    /// The executor's repository.
    pub(crate) vault: PathBuf,
    /// The folder that has the commits.
    pub(crate) stage: PathBuf,
    /// The commit; `None` leaves the repository as it is.
    pub(crate) head: Option<String>,
    /// The newest commit of the agent's line, with its files.
    pub(crate) own: String,
    /// Whether the agent had committed everything.
    pub(crate) is_clean: bool,
    /// Whether the repository is to be made again.
    pub(crate) replace: bool,
    /// Files that are not checked out.
    pub(crate) hidden: Vec<PathBuf>,
    /// The run's branch; `None` is no branch at all.
    pub(crate) branch: Option<String>,
    /// The repository's address, and the relay through which it is reached.
    pub(crate) repository: String,
    /// The relay's address.
    pub(crate) relay: SocketAddr,
    /// The only branch that is fetched later.
    pub(crate) only: Option<String>,
    /// The branch that the clone was of.
    pub(crate) fetched: Option<String>,
}

/// What a fetch has brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fetched {
    /// The commit that was asked for.
    pub(crate) commit: String,
    /// The branch, when it is one.
    pub(crate) branch: Option<String>,
}

/// What a worker hands over as bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Raw {
    /// A pack of commits.
    Pack {
        /// The folder that has them.
        stage: PathBuf,
        /// Lines of ids: what to pack, and with `^` what not.
        input: String,
    },
    /// A bundle of references.
    Bundle {
        /// The repository.
        git_dir: PathBuf,
        /// Below this.
        refs: String,
        /// Lines of ids, each with `^`.
        without: String,
    },
    /// A compressed archive of files.
    Archive {
        /// The folder they are in.
        root: PathBuf,
        /// Their paths in it.
        paths: Vec<PathBuf>,
    },
}

/// What the worker says; one JSON a line, the last one is not `Progress`, `Alive` or `Notice`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// A whole per cent more.
    Progress {
        /// Of what.
        phase: String,
        /// How much.
        percent: u8,
    },
    /// Something moves.
    Alive,
    /// Something that people should know.
    Notice(String),
    /// There are files in the workspace already; nothing was done.
    Occupied,
    /// The executor's repository has what was asked for.
    Fetched(Fetched),
    /// The work is in a stage.
    Collected(Box<Collected>),
    /// What has changed.
    Compared(DiffResult),
    /// It was pushed, or there was nothing to push.
    Pushed(PushResult),
    /// Done, with nothing to say.
    Done,
    /// It failed.
    Failed(GitFailure),
}
