//! What the executor and its git worker say to each other.

use std::{net::SocketAddr, path::PathBuf};

use api::executor::{Diff, DiffResult, GitClone, GitFailure, Push, PushResult};
use serde::{Deserialize, Serialize};

/// What the worker is asked; JSON on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Clone into the workspace.
    Clone {
        /// Where the work goes.
        workspace: PathBuf,
        /// As the caller asked for it.
        clone: GitClone,
        /// The relay's address.
        relay: SocketAddr,
    },
    /// Empty the workspace after a clone that failed.
    Clear {
        /// The folder.
        workspace: PathBuf,
    },
    /// Commit everything.
    Commit {
        /// The repository.
        workspace: PathBuf,
        /// The message.
        message: String,
        /// Whose commit it is.
        name: String,
        /// Their address.
        email: String,
    },
    /// Compare the files with a commit.
    Diff {
        /// The repository.
        workspace: PathBuf,
        /// As the caller asked for it.
        diff: Diff,
    },
    /// Push `HEAD`.
    Push {
        /// The repository.
        workspace: PathBuf,
        /// As the caller asked for it.
        push: Push,
        /// The relay's address.
        relay: SocketAddr,
        /// What was cloned; `None` when that was an executor before this one.
        repository: Option<String>,
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
        match self {
            Self::Diff { .. } | Self::Push { .. } => true,
            Self::Clone { .. } | Self::Clear { .. } | Self::Commit { .. } | Self::Identify { .. } => false,
        }
    }
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
    /// The clone is there.
    Cloned {
        /// The commit it started at.
        commit: String,
        /// The branch that is checked out.
        branch: String,
    },
    /// The new commit, if there was anything to commit.
    Committed(Option<String>),
    /// What has changed.
    Compared(DiffResult),
    /// It was pushed, or there was nothing to push.
    Pushed(PushResult),
    /// Done, with nothing to say.
    Done,
    /// It failed.
    Failed(GitFailure),
}
