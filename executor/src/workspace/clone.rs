//! Clones into the workspace, through the relay: the repository, a branch for the run's work, submodules.

use std::{fs, net::SocketAddr, path::Path};

use api::executor::{GitClone, GitFailure, GitFailureCode as Code};
use git2::Repository;

use super::{
    checkout::{check_out, remember_remote},
    empty, failure,
    fetch::{fetch, find},
    lfs,
    report::Report,
    submodules,
};
use crate::git::{Answer, relay_url};

/// In the repository's own settings: what was cloned. Written last, so its absence means "not finished".
pub(super) const REPOSITORY: &str = "caisson.repository";
/// The commit the clone started at.
const COMMIT: &str = "caisson.commit";
/// Set while the clone is not finished.
const UNFINISHED: &str = "caisson.unfinished";

/// Clones, or says what an earlier call did.
pub(super) fn run(
    workspace: &Path,
    clone: &GitClone,
    relay: SocketAddr,
    report: &Report,
) -> Result<Answer, GitFailure> {
    if let Some(done) = finished(workspace, &clone.repository_url) {
        return Ok(done);
    }
    if is_unfinished(workspace) {
        empty(workspace).map_err(failure::system("emptying the workspace"))?;
    }
    let mut entries = fs::read_dir(workspace).map_err(failure::system("reading the workspace"))?;
    if entries.next().is_some() {
        return Err(failure::new(
            Code::Other,
            "the workspace is not empty and holds no clone of this repository",
        ));
    }
    let git = |error: git2::Error| failure::of(&error);
    let repository = Repository::init(workspace).map_err(git)?;
    repository.config().and_then(|mut config| config.set_bool(UNFINISHED, true)).map_err(git)?;
    let url = relay_url(relay, &clone.repository_url)?;
    let wanted = fetch(workspace, &url, clone.r#ref.as_deref(), clone.depth, report)?;
    let commit = find(&repository, &wanted, clone.r#ref.as_deref())?;
    let only = wanted.branch.as_deref().filter(|_| clone.depth.is_some_and(|depth| 0 < depth));
    remember_remote(&repository, &clone.repository_url, &url, only).map_err(git)?;
    let branch = check_out(&repository, &commit, &wanted, clone.work_branch.as_deref(), report)?;
    let inside = submodules::check_out(&repository, &commit, clone, relay, report)?;
    if inside.name_lfs || lfs::named(&repository) {
        report.notice(lfs::NOTICE);
    }
    let commit = commit.id().to_string();
    finish(&repository, &clone.repository_url, &commit).map_err(git)?;
    Ok(Answer::Cloned { commit, branch })
}

/// Whether the workspace holds a clone that was begun and not finished.
pub(super) fn is_unfinished(workspace: &Path) -> bool {
    let config = Repository::open(workspace).and_then(|repository| repository.config());
    // A repository that cannot be opened is one whose making was cut short.
    match config {
        Ok(config) => config.get_bool(UNFINISHED).unwrap_or(false),
        Err(_) => workspace.join(".git").exists(),
    }
}

fn finished(workspace: &Path, url: &str) -> Option<Answer> {
    let repository = Repository::open(workspace).ok()?;
    let config = repository.config().ok()?;
    let commit = config.get_string(COMMIT).ok()?;
    (config.get_string(REPOSITORY).ok()? == url).then_some(())?;
    Some(Answer::Cloned { commit, branch: head_name(&repository) })
}

/// The branch that is checked out; `HEAD` when none is.
fn head_name(repository: &Repository) -> String {
    let head = repository.head();
    head.ok().and_then(|head| head.shorthand().ok().map(str::to_owned)).unwrap_or_else(|| "HEAD".to_owned())
}

fn finish(repository: &Repository, url: &str, commit: &str) -> Result<(), git2::Error> {
    let mut config = repository.config()?;
    config.set_str(COMMIT, commit)?;
    config.set_str(REPOSITORY, url)?;
    config.remove(UNFINISHED)
}
