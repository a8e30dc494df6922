//! Pushes the run's commits to its branch, through the relay.

use std::{cell::RefCell, net::SocketAddr, path::Path};

use api::executor::{GitFailure, GitFailureCode as Code, Push, PushResult};
use git2::{Direction, Oid, PushOptions, RemoteCallbacks, RemoteConnection, Repository};

use super::{failure, fetch::sealed, report::Report};
use crate::git::{Answer, relay_url};

/// What is pushed, in the executor's repository.
const HEAD: &str = "refs/caisson/outgoing";

/// Pushes the executor's newest commit, unless nothing was committed since the base.
pub(super) fn run(
    vault: &Path,
    head: &str,
    push: &Push,
    relay: SocketAddr,
    repository_url: &str,
    report: &Report,
) -> Result<Answer, GitFailure> {
    let git = |error: git2::Error| failure::of(&error);
    let repository = sealed(vault).map_err(git)?;
    let id = Oid::from_str(head).map_err(git)?;
    let commits = count(&repository, id, &push.base_commit)?;
    if 0 < commits {
        let url = relay_url(relay, repository_url)?;
        send(&repository, &url, id, &push.branch, report)?;
    }
    Ok(Answer::Pushed(PushResult { head_commit: head.to_owned(), commits }))
}

/// How many commits `head` is ahead of the base.
fn count(repository: &Repository, head: Oid, base: &str) -> Result<u64, GitFailure> {
    let base = Oid::from_str(base).ok().filter(|base| repository.find_commit(*base).is_ok());
    let base =
        base.ok_or_else(|| failure::new(Code::UnknownRef, "baseCommit: no such commit in the workspace"))?;
    let walk = || {
        let mut walk = repository.revwalk()?;
        walk.push(head)?;
        walk.hide(base)?;
        walk.try_fold(0, |count, id| id.map(|_| count + 1))
    };
    walk().map_err(|error| failure::of(&error))
}

fn send(
    repository: &Repository,
    url: &str,
    head: Oid,
    branch: &str,
    report: &Report,
) -> Result<(), GitFailure> {
    let git = |error: git2::Error| failure::of(&error);
    let target = format!("refs/heads/{branch}");
    if !git2::Reference::is_valid_name(&target) {
        return Err(failure::new(Code::Other, "branch: not the name of a branch"));
    }
    let refused = RefCell::new(None);
    let mut callbacks = RemoteCallbacks::new();
    callbacks.pack_progress(|_, _, _| report.alive());
    callbacks.push_transfer_progress(|done, total, bytes| report.progress("sending", done, total, bytes));
    callbacks.sideband_progress(|_| {
        report.alive();
        true
    });
    callbacks.push_update_reference(|_, status| {
        refused.replace(status.map(str::to_owned));
        Ok(())
    });
    let mut options = PushOptions::new();
    options.remote_callbacks(callbacks);
    let mut remote = repository.remote_anonymous(url).map_err(git)?;
    // One connection to look and to push.
    let mut connection = remote.connect_auth(Direction::Push, None, None).map_err(git)?;
    let force = if may_replace(repository, &connection, &target)? { "+" } else { "" };
    // A reference of its own: libgit2 pushes references, and HEAD is nothing here.
    repository.reference(HEAD, head, true, "push").map_err(git)?;
    connection.remote().push(&[format!("{force}{HEAD}:{target}")], Some(&mut options)).map_err(git)?;
    drop((options, connection));
    match refused.into_inner() {
        Some(why) => Err(failure::new(Code::Rejected, format!("the remote refused the push: {why}"))),
        None => Ok(()),
    }
}

/// Whether the remote's branch may be rewritten: only when all it holds was seen here. The agent may amend
/// what it pushed before; nobody may lose what somebody else pushed.
fn may_replace(
    repository: &Repository,
    connection: &RemoteConnection<'_, '_, '_>,
    target: &str,
) -> Result<bool, GitFailure> {
    let heads = connection.list().map_err(|error| failure::of(&error))?;
    let there = heads.iter().find(|head| head.name() == target).map(|head| head.oid());
    Ok(there.is_some_and(|id| repository.find_commit(id).is_ok()))
}
