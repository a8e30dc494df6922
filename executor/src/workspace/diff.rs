//! What has changed in the workspace, as a patch that `git apply` takes. Reads only.

use std::path::Path;

use api::{
    executor::{Diff, DiffResult, GitFailure, GitFailureCode as Code},
    run::FileChange,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use git2::{Delta, DiffDelta, DiffFile, DiffFindOptions, DiffOptions, Error, Oid, Patch, Repository, Tree};

use super::{failure, report::Report};
use crate::git::Answer;

/// The largest patch, in bytes: what fits into an answer.
const LARGEST_PATCH: u64 = 20 << 20;
/// The largest file that is looked into, in bytes: the agent needs the memory, too.
const LARGEST_FILE: u64 = 64 << 20;
/// How many files are compared to find out which were renamed.
const RENAMES: usize = 400;

/// Compares the base with the files as they are, new ones that git does not ignore included.
pub(super) fn run(workspace: &Path, diff: &Diff, report: &Report) -> Result<Answer, GitFailure> {
    let git = |error: Error| failure::of(&error);
    let repository = Repository::open(workspace).map_err(git)?;
    let base = base(&repository, diff.base_commit.as_deref())?;
    let most = diff.max_bytes.min(LARGEST_PATCH);
    compare(&repository, base.as_ref(), most, report).map(Answer::Compared).map_err(git)
}

/// The tree to compare with; `None` is an empty one: nothing was committed yet.
fn base<'a>(repository: &'a Repository, commit: Option<&str>) -> Result<Option<Tree<'a>>, GitFailure> {
    let Some(commit) = commit else {
        let head = repository.head().and_then(|head| head.peel_to_tree());
        return Ok(head.ok());
    };
    let found = Oid::from_str(commit).and_then(|id| repository.find_commit(id)?.tree());
    match found {
        Ok(tree) => Ok(Some(tree)),
        Err(_) => Err(failure::new(Code::UnknownRef, "baseCommit: no such commit in the workspace")),
    }
}

fn compare(
    repository: &Repository,
    base: Option<&Tree<'_>>,
    most: u64,
    report: &Report,
) -> Result<DiffResult, Error> {
    let mut options = DiffOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).show_untracked_content(true);
    options.include_typechange(true).show_binary(true).update_index(false);
    let mut diff = repository.diff_tree_to_workdir_with_index(base, Some(&mut options))?;
    let mut find = DiffFindOptions::new();
    diff.find_similar(Some(find.renames(true).for_untracked(true).rename_limit(RENAMES)))?;
    let (mut files, mut patch, mut left_out) = (Vec::new(), Vec::new(), 0);
    for (place, delta) in diff.deltas().enumerate() {
        report.alive();
        let Some(mut change) = change(&delta) else { continue };
        let small = size(repository, &delta.old_file()) <= LARGEST_FILE
            && size(repository, &delta.new_file()) <= LARGEST_FILE;
        let text = if small { Patch::from_diff(&diff, place)? } else { None };
        match text {
            Some(mut text) => {
                let (_, additions, deletions) = text.line_stats()?;
                (change.additions, change.deletions) = (additions as u64, deletions as u64);
                let text = text.to_buf()?;
                if (patch.len() + text.len()) as u64 <= most {
                    patch.extend_from_slice(&text);
                } else {
                    left_out += 1;
                }
            }
            None => left_out += 1,
        }
        files.push(change);
    }
    Ok(DiffResult { files, patch: BASE64_STANDARD.encode(patch), left_out })
}

/// What happened to a file; `None` for what is none: a repository of its own inside this one.
fn change(delta: &DiffDelta<'_>) -> Option<FileChange> {
    let status = match delta.status() {
        Delta::Added | Delta::Untracked | Delta::Copied => "added",
        Delta::Deleted => "deleted",
        Delta::Renamed => "renamed",
        Delta::Typechange => "typechange",
        Delta::Modified | Delta::Conflicted => "modified",
        Delta::Unmodified | Delta::Ignored | Delta::Unreadable => return None,
    };
    let bytes = delta.new_file().path_bytes().or_else(|| delta.old_file().path_bytes())?;
    let path = String::from_utf8_lossy(bytes).into_owned();
    (!path.ends_with('/')).then(|| FileChange { path, status: status.to_owned(), additions: 0, deletions: 0 })
}

/// How large one side of a change is, in bytes.
fn size(repository: &Repository, file: &DiffFile<'_>) -> u64 {
    let stored = || {
        let (size, _) = repository.odb().ok()?.read_header(file.id()).ok()?;
        Some(size as u64)
    };
    match file.size() {
        0 if file.is_valid_id() && !file.id().is_zero() => stored().unwrap_or_default(),
        size => size,
    }
}
