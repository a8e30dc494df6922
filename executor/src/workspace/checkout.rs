//! What a fresh clone's repository is told: its remote, its branch, its files.

use api::executor::GitFailure;
use git2::{BranchType, Commit, Repository, build::CheckoutBuilder};

use super::{failure, fetch::Wanted, report::Report};
use crate::git::spellings;

/// `origin` is the real address, for people and tools; what goes there goes through the relay.
/// With a branch only that one is fetched later: a shallow clone of one branch stays one.
pub(super) fn remember_remote(
    repository: &Repository,
    address: &str,
    relay_url: &str,
    branch: Option<&str>,
) -> Result<(), git2::Error> {
    let url = address.trim_end_matches('/');
    match branch {
        Some(branch) => {
            let refspec = format!("+refs/heads/{branch}:refs/remotes/origin/{branch}");
            repository.remote_with_fetch("origin", url, &refspec)?
        }
        None => repository.remote("origin", url)?,
    };
    let (mut config, name) = (repository.config()?, format!("url.{relay_url}.insteadOf"));
    // The pattern fits no value that is there, so each is one more.
    spellings(address).iter().try_for_each(|spelling| config.set_multivar(&name, "^$", spelling))
}

/// Checks the commit out, on a branch for the work, or on the branch that was asked for.
pub(super) fn check_out(
    repository: &Repository,
    commit: &Commit<'_>,
    wanted: &Wanted,
    work_branch: Option<&str>,
    report: &Report,
) -> Result<String, GitFailure> {
    let git = |error: git2::Error| failure::of(&error);
    let name = work_branch.or(wanted.branch.as_deref());
    match name {
        Some(name) => {
            repository.branch(name, commit, true).map_err(git)?;
            repository.set_head(&format!("refs/heads/{name}")).map_err(git)?;
        }
        None => repository.set_head_detached(commit.id()).map_err(git)?,
    }
    if let Some(branch) = &wanted.branch {
        let (name, target) = ("refs/remotes/origin/HEAD", format!("refs/remotes/origin/{branch}"));
        repository.reference_symbolic(name, &target, true, "clone").map_err(git)?;
    }
    if let (None, Some(branch)) = (work_branch, &wanted.branch) {
        let mut local = repository.find_branch(branch, BranchType::Local).map_err(git)?;
        local.set_upstream(Some(&format!("origin/{branch}"))).map_err(git)?;
    }
    files(repository, report).map_err(git)?;
    Ok(name.unwrap_or("HEAD").to_owned())
}

/// Writes the files of `HEAD`.
pub(super) fn files(repository: &Repository, report: &Report) -> Result<(), git2::Error> {
    let mut options = CheckoutBuilder::new();
    options.force().progress(|_, done, total| report.progress("checkout", done, total, 0));
    repository.checkout_head(Some(&mut options))
}
