//! Commits everything the agent left uncommitted.

use std::{fs, io, path::Path};

use api::executor::GitFailure;
use git2::{Commit, ErrorCode, IndexAddOption, Repository, Signature};

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
    index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
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

/// The newest commit; `None` on a branch without one.
fn head(repository: &Repository) -> Result<Option<Commit<'_>>, git2::Error> {
    match repository.head() {
        Ok(head) => head.peel_to_commit().map(Some),
        Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
        Err(error) => Err(error),
    }
}
