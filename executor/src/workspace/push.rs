//! Pushes the run's commits to its branch, through the relay.

use std::{cell::RefCell, net::SocketAddr, path::Path};

use api::executor::{GitFailure, GitFailureCode as Code, Push, PushResult, Told, words};
use git2::{Direction, Oid, PushOptions, RemoteCallbacks, Repository};

use super::{
    failure,
    fetch::sealed,
    heard::Heard,
    names::{quietly, references},
    report::Report,
    tries::patiently,
};
use crate::git::{Answer, relay_url};

/// What is pushed, in the executor's repository.
const HEAD: &str = "refs/caisson/outgoing";

/// How libgit2 says that the remote refuses a pack.
const UNPACKING: &str = "unpacking the sent packfile failed on the remote";

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
    let mut notices = Vec::new();
    if 0 < commits {
        let url = relay_url(relay, repository_url)?;
        let said = send(&repository, &url, id, &push.branch, report)?;
        notices.extend(said.map(|said| format!("The remote says about the push: {said}")));
    }
    Ok(Answer::Pushed(PushResult { head_commit: head.to_owned(), commits, notices }))
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

/// Pushes this commit to the branch, again when the transfer breaks. Answers what the remote said about it.
pub(super) fn send(
    repository: &Repository,
    url: &str,
    head: Oid,
    branch: &str,
    report: &Report,
) -> Result<Option<String>, GitFailure> {
    let target = format!("refs/heads/{branch}");
    if !git2::Reference::is_valid_name(&target) {
        return Err(failure::new(Code::Other, "branch: not the name of a branch"));
    }
    // A reference of its own: libgit2 pushes references only.
    repository.reference(HEAD, head, true, "push").map_err(|error| failure::of(&error))?;
    let said = patiently(report, || once(repository, url, head, &target, report))?;
    Ok(Some(said).filter(|said| !said.is_empty()))
}

/// One connection to look and to push.
fn once(
    repository: &Repository,
    url: &str,
    head: Oid,
    target: &str,
    report: &Report,
) -> Result<String, Told> {
    let told = |error: git2::Error| failure::told(&error);
    let mut remote = repository.remote_anonymous(url).map_err(told)?;
    let mut connection = remote.connect_auth(Direction::Push, None, None).map_err(told)?;
    let there = references(&connection).map_err(told)?.into_iter().find(|(name, _)| name == target);
    let there = there.map(|(_, id)| id);
    // A push before this one arrived, though its answer was lost.
    if there == Some(head) {
        return Ok(String::new());
    }
    let force = if may_replace(repository, there) { "+" } else { "" };
    let (heard, refused) = (Heard::default(), RefCell::new(None));
    let mut callbacks = RemoteCallbacks::new();
    callbacks.pack_progress(|_, _, _| report.alive());
    callbacks.push_transfer_progress(|done, total, bytes| report.progress("sending", done, total, bytes));
    callbacks.sideband_progress(|piece| {
        heard.piece(piece);
        report.alive();
        true
    });
    callbacks.push_update_reference(|_, status| {
        refused.replace(status.map(str::to_owned));
        Ok(())
    });
    let mut options = PushOptions::new();
    options.remote_callbacks(callbacks);
    let push = || connection.remote().push(&[format!("{force}{HEAD}:{target}")], Some(&mut options));
    // git2 panics when the remote's reason is not UTF-8; then there is one.
    let pushed = quietly(push);
    drop((options, connection));
    let why = match pushed {
        Some(Ok(())) => match refused.into_inner() {
            Some(why) => words(why.as_bytes()),
            None => return Ok(heard.words()),
        },
        // The pack arrived, and the remote's git found something in it that it does not take.
        Some(Err(error)) if error.message().contains(UNPACKING) => {
            "it does not take these objects".to_owned()
        }
        Some(Err(error)) => {
            let Told { failure, retry_after } = failure::told(&error);
            return Err(Told { failure: heard.explain(failure), retry_after });
        }
        None => "it gives a reason that is not text".to_owned(),
    };
    let rejected = || failure::new(Code::Rejected, format!("the remote refused the push: {why}")).into();
    let Told { failure, retry_after } = Told::read(&why).unwrap_or_else(rejected);
    Err(Told { failure: heard.explain(failure), retry_after })
}

/// Whether the remote's branch may be rewritten: only when all it holds was seen here. The agent may amend
/// what it pushed before; nobody may lose what somebody else pushed.
fn may_replace(repository: &Repository, there: Option<Oid>) -> bool {
    there.is_some_and(|id| repository.find_commit(id).is_ok())
}
