//! Commits everything the agent left uncommitted.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use api::executor::GitFailure;
use git2::{Commit, ErrorCode, Index, IndexAddOption, Repository, Signature};

use super::failure;
use crate::git::Answer;

/// Commits all changes to the branch that is checked out; nothing to commit is no failure.
pub(super) fn run(workspace: &Path, message: &str, name: &str, email: &str) -> Result<Answer, GitFailure> {
    let repository = Repository::open(workspace).map_err(|error| failure::of(&error))?;
    // The agent's processes are dead by now, so a lock is one that a killed git left behind.
    match fs::remove_file(repository.path().join("index.lock")) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failure::system("removing a stale index.lock")(error)),
    }
    commit_all(&repository, message, name, email).map(Answer::Committed).map_err(|error| failure::of(&error))
}

fn commit_all(
    repository: &Repository,
    message: &str,
    name: &str,
    email: &str,
) -> Result<Option<String>, git2::Error> {
    let mut index = repository.index()?;
    add_all(repository, &mut index)?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let parent = head(repository)?;
    let unchanged = match &parent {
        Some(parent) => parent.tree_id() == tree.id(),
        None => tree.is_empty(),
    };
    if unchanged {
        return Ok(None);
    }
    let author = Signature::now(name, email)?;
    let parents: Vec<_> = parent.iter().collect();
    let id = repository.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?;
    // A merge or rebase that the agent left half done is over with this.
    repository.cleanup_state()?;
    Ok(Some(id.to_string()))
}

/// Adds everything. Repositories inside this one become links to their newest commits, as with git itself;
/// those without a commit are left out: nothing of them can be recorded.
fn add_all(repository: &Repository, index: &mut Index) -> Result<(), git2::Error> {
    let workdir = repository.workdir().map(Path::to_path_buf).unwrap_or_default();
    let mut inner = Vec::new();
    // libgit2 gives up on everything when it meets one that is new, so they are added one by one.
    let mut set_aside = |path: &Path, _: &[u8]| {
        let is_repository = workdir.join(path).join(".git").exists();
        if is_repository {
            inner.push(path.components().collect::<PathBuf>());
        }
        i32::from(is_repository)
    };
    index.add_all(["*"], IndexAddOption::DEFAULT, Some(&mut set_aside))?;
    for path in inner {
        if Repository::open(workdir.join(&path)).is_ok_and(|inner| inner.head().is_ok()) {
            index.add_path(&path)?;
        }
    }
    Ok(())
}

/// The newest commit; `None` on a branch without one.
fn head(repository: &Repository) -> Result<Option<Commit<'_>>, git2::Error> {
    match repository.head() {
        Ok(head) => head.peel_to_commit().map(Some),
        Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
        Err(error) => Err(error),
    }
}
