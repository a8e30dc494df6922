//! The clone: into the executor's own repository, through the relay, and from there into the workspace.

use std::{fs, net::SocketAddr};

use api::executor::{GitClone, GitFailure};
use git2::Repository;

use super::{
    checkout::files,
    collect::make_repository,
    failure,
    fetch::{fetch, find},
    lfs,
    report::Report,
    submodules, vault,
};
use crate::git::{Answer, Fetched, Settle, relay_url};

/// Fetches everything into the executor's repository, which is made for it.
pub(super) fn fetch_all(
    place: &std::path::Path,
    clone: &GitClone,
    relay: SocketAddr,
    report: &Report,
) -> Result<Answer, GitFailure> {
    let url = relay_url(relay, &clone.repository_url)?;
    let repository = vault::create(place)?;
    let wanted = fetch(place, &url, clone.r#ref.as_deref(), clone.depth, report)?;
    let commit = find(&repository, &wanted, clone.r#ref.as_deref())?.id().to_string();
    // So that it stays, wherever it is.
    vault::note(place, &[("refs/caisson/base".to_owned(), commit.clone())], false)?;
    Ok(Answer::Fetched(Fetched { commit, branch: wanted.branch }))
}

/// Makes the workspace, unless something is there already: its repository, a branch for the run's work, its files, its submodules.
pub(super) fn check_out_all(
    clone: &GitClone,
    fetched: &Fetched,
    settle: &Settle,
    report: &Report,
) -> Result<Answer, GitFailure> {
    let git = |error: git2::Error| failure::of(&error);
    let workspace = &settle.workspace;
    let mut entries = fs::read_dir(workspace).map_err(failure::system("reading the workspace"))?;
    if entries.next().is_some() {
        return Ok(Answer::Occupied);
    }
    make_repository(settle, &fetched.commit, report)?;
    let repository = Repository::open(workspace).map_err(git)?;
    files(workspace, report)?;
    let commit = repository.head().and_then(|head| head.peel_to_commit()).map_err(git)?;
    let inside = submodules::check_out(&repository, &commit, clone, settle.relay, report)?;
    if inside.name_lfs || lfs::named(&repository) {
        report.notice(lfs::NOTICE);
    }
    Ok(Answer::Done)
}

/// Makes a checkout of one commit in a new folder, with the history and the references as they were fetched.
pub(super) fn check_out_clean(settle: &Settle, report: &Report) -> Result<Answer, GitFailure> {
    let head = settle.head.as_deref().unwrap_or_default();
    fs::create_dir(&settle.workspace).map_err(failure::system("making a folder for the checkout"))?;
    make_repository(settle, head, report)?;
    files(&settle.workspace, report)?;
    Ok(Answer::Done)
}
