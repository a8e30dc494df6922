//! The executor's git endpoints: clone, commit, diff, push.

use serde::{Deserialize, Serialize};

use crate::run::{Artifact, FileChange, NotCommitted};

/// `POST /git-clone`; answered with NDJSON of `CloneLine`.
/// A repeated call for a clone that is already there answers `Done` at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitClone {
    /// The repository.
    pub repository_url: String,
    /// The branch, tag or commit to start from; `null` is the default branch.
    pub r#ref: Option<String>,
    /// How many commits of history to fetch; `null` is all.
    pub depth: Option<u32>,
    /// The branch to create for the run's work.
    pub work_branch: Option<String>,
    /// The repositories of the submodules that are checked out as well; others stay empty folders.
    #[serde(default)]
    pub submodules: Vec<String>,
}

/// One line of the answer to `POST /git-clone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CloneLine {
    /// How far it is.
    Progress {
        /// `receiving`, `resolving` or `checkout`.
        phase: String,
        /// Of this phase.
        percent: u8,
    },
    /// Something that people should know, and no failure.
    Notice {
        /// It, in a sentence.
        text: String,
    },
    /// It is there.
    Done {
        /// The commit that is checked out.
        commit: String,
        /// The branch that is checked out.
        branch: String,
    },
    /// It failed; the last line.
    Failed(GitFailure),
}

/// Why a git operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitFailure {
    /// What kind of failure.
    pub code: GitFailureCode,
    /// What happened, in a sentence.
    pub message: String,
}

impl GitFailure {
    /// Whether to do it again may help.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.code == GitFailureCode::Interrupted
    }

    /// With what the server said about it, if it said anything.
    #[must_use]
    pub fn saying(mut self, said: &str) -> Self {
        if !said.is_empty() {
            let space = if said.contains('\n') { '\n' } else { ' ' };
            self.message = format!("{}. The remote says:{space}{said}", self.message.trim_end_matches('.'));
        }
        self
    }
}

/// The kinds of git failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitFailureCode {
    /// There is no such repository, or it is not visible with this credential.
    NotFound,
    /// A credential is needed, or the one that was used is refused.
    AuthRequired,
    /// The repository has no commits.
    Empty,
    /// There is no such branch, tag or commit.
    UnknownRef,
    /// The remote refused the push.
    Rejected,
    /// The remote could not be reached, or the transfer stood still.
    Network,
    /// The transfer broke before its end: to do it again may help.
    Interrupted,
    /// The disk is full.
    DiskFull,
    /// Anything else.
    Other,
}

/// `POST /commit`: takes the work out of the workspace, into the executor's own repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commit {
    /// The message of the commit that holds what the agent left uncommitted.
    pub message: String,
    /// On the way out of a run that did not finish: what is not committed is kept and not put on the branch, and
    /// nothing is objected to.
    #[serde(default)]
    pub rescue: bool,
}

/// The answer to `POST /commit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitResult {
    /// The commit that was made; `null` when the agent left nothing uncommitted.
    pub commit: Option<String>,
    /// The newest commit of the run's work: what checks judge and `POST /push` pushes.
    pub head: Option<String>,
    /// What the agent has to put right first. While there is any, `head` is what it was before.
    #[serde(default)]
    pub objections: Vec<Objection>,
    /// Files of the workspace that are in no commit.
    #[serde(default)]
    pub not_committed: Vec<NotCommitted>,
    /// Work in the repository that is not on the run's branch. All of it is in the artifact `elsewhere.bundle`.
    #[serde(default)]
    pub elsewhere: Vec<Elsewhere>,
    /// What else people should know, a sentence each.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// Why the work cannot go out as it is. Its text is for the agent, who may put it right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// What kind.
    pub kind: ObjectionKind,
    /// What is wrong and what to do, in sentences.
    pub text: String,
}

/// The kinds of objections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectionKind {
    /// A merge, rebase, cherry-pick or stash stopped half way, or conflict markers were left in a file.
    Conflicts,
    /// The agent's branch lacks commits that an earlier step pushed, and cannot be merged with them.
    Diverged,
    /// A commit of the agent holds what must not go out: a file above the size limit, or a credential.
    Unwanted,
    /// The work could not be read as commits; the artifact `workspace.tar.gz` has the files.
    Unreadable,
}

/// Work that is not on the run's branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Elsewhere {
    /// Where it was, in words: `branch feature`, `stash@{0}`, `the worktree /tmp/x`.
    pub place: String,
    /// Its newest commit.
    pub commit: String,
    /// How many commits it has that the run's branch lacks.
    pub commits: u64,
}

/// `GET /kept`: what was kept beside the commits. `GET /kept/{name}` downloads one, as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Each has a name that no other has.
    pub artifacts: Vec<Artifact>,
    /// What could not be kept and why, a sentence each.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// `POST /push`: pushes what `POST /commit` took out of the workspace to this branch of the remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// The branch to push to.
    pub branch: String,
    /// The commit the run started from: with no commits since, nothing is pushed.
    pub base_commit: String,
    /// After how many seconds without progress the push is given up.
    pub stall_seconds: u64,
}

/// The answer to `POST /push`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushResult {
    /// The newest commit.
    pub head_commit: String,
    /// How many commits it is ahead of the base; with 0 nothing was pushed.
    pub commits: u64,
    /// What people should know beside it: what the remote said, and what had to be waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

/// `POST /diff`: what has changed in the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diff {
    /// Against this commit; `null` is the newest one, which leaves what is not committed.
    pub base_commit: Option<String>,
    /// The most bytes of patch to answer with; files that do not fit are left out whole.
    pub max_bytes: u64,
}

/// The answer to `POST /diff`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffResult {
    /// Every file that differs, new ones that git does not ignore included.
    pub files: Vec<FileChange>,
    /// The unified patch that `git apply` takes, binary files included: base64 of its bytes.
    pub patch: String,
    /// How many files were left out of the patch because it would be too large.
    pub left_out: u64,
}
