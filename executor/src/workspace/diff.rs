//! What has changed in the workspace, as a patch that `git apply` takes. Reads only.

use api::{
    executor::{Diff, DiffResult, GitFailure, GitFailureCode as Code},
    run::FileChange,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use git2::{Delta, DiffDelta, DiffFile, DiffFindOptions, DiffOptions, Error, Oid, Patch, Repository, Tree};

use super::{collect, failure, report::Report};
use crate::git::{Answer, Collect};

/// The largest patch, in bytes: what fits into an answer.
const LARGEST_PATCH: u64 = 20 << 20;
/// The largest file that is looked into, in bytes: the agent needs the memory, too.
const LARGEST_FILE: u64 = 64 << 20;
/// How many files are compared to find out which were renamed.
const RENAMES: usize = 400;

/// Compares the base with the files as they are, new ones that git does not ignore included.
pub(super) fn run(collect: &Collect, diff: &Diff, report: &Report) -> Result<Answer, GitFailure> {
    let git = |error: Error| failure::of(&error);
    let files = collect::files(collect, report)?;
    let repository = Repository::open(files.git_dir()).map_err(git)?;
    let tree = |id: &str| Oid::from_str(id).and_then(|id| repository.find_object(id, None)?.peel_to_tree());
    let base = tree(diff.base_commit.as_deref().unwrap_or(&files.parent))
        .map_err(|_| failure::new(Code::UnknownRef, "baseCommit: no such commit in the workspace"))?;
    let now = tree(&files.tree).map_err(git)?;
    let most = diff.max_bytes.min(LARGEST_PATCH);
    compare(&repository, &base, &now, most, report).map(Answer::Compared).map_err(git)
}

fn compare(
    repository: &Repository,
    base: &Tree<'_>,
    now: &Tree<'_>,
    most: u64,
    report: &Report,
) -> Result<DiffResult, Error> {
    let mut options = DiffOptions::new();
    options.include_typechange(true).show_binary(true);
    let mut diff = repository.diff_tree_to_tree(Some(base), Some(now), Some(&mut options))?;
    let mut find = DiffFindOptions::new();
    diff.find_similar(Some(find.renames(true).rename_limit(RENAMES)))?;
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
