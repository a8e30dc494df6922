//! What a remote has, and bringing it here.

use std::path::Path;

use api::executor::{GitFailure, GitFailureCode as Code};
use git2::{
    AutotagOption, Commit, Config, Direction, FetchOptions, Oid, Remote, RemoteCallbacks, RemoteConnection,
    Repository,
};

use super::{failure, report::Report};

/// What the remote has, as far as the request needs it.
pub(super) struct Wanted {
    /// The branch, when it is one.
    pub(super) branch: Option<String>,
    /// The full name of the branch or tag; `None` for a commit.
    pub(super) reference: Option<String>,
    /// The commit, where the remote's list names it.
    pub(super) id: Option<Oid>,
}

/// The repository without any settings: those in it are the agent's to write, and could send what goes to one
/// address to another (`url.….insteadOf`, proxies).
pub(super) fn sealed(workspace: &Path) -> Result<Repository, git2::Error> {
    let repository = Repository::open(workspace)?;
    repository.set_config(&Config::new()?)?;
    Ok(repository)
}

/// Fetches what is asked for; one connection for both questions.
pub(super) fn fetch(
    workspace: &Path,
    url: &str,
    spec: Option<&str>,
    depth: Option<u32>,
    report: &Report,
) -> Result<Wanted, GitFailure> {
    let git = |error: git2::Error| failure::of(&error);
    let repository = sealed(workspace).map_err(git)?;
    let mut remote = repository.remote_anonymous(url).map_err(git)?;
    let mut connection = remote.connect_auth(Direction::Fetch, None, None).map_err(git)?;
    let wanted = look(&connection, spec)?;
    receive(connection.remote(), &wanted, depth, report).map_err(git)?;
    Ok(wanted)
}

/// Asks the remote what it has.
fn look(connection: &RemoteConnection<'_, '_, '_>, wanted: Option<&str>) -> Result<Wanted, GitFailure> {
    let heads = connection.list().map_err(|error| failure::of(&error))?;
    let id_of = |name: &str| heads.iter().find(|head| head.name() == name).map(|head| head.oid());
    if heads.is_empty() {
        return Err(failure::new(Code::Empty, "the repository has no commits: push a first one"));
    }
    let Some(wanted) = wanted else {
        let reference =
            connection.default_branch().ok().and_then(|name| name.as_str().ok().map(str::to_owned));
        let id = reference.as_deref().and_then(id_of).or_else(|| id_of("HEAD"));
        let branch =
            reference.as_deref().and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned);
        return match id {
            Some(id) => Ok(Wanted { branch, reference, id: Some(id) }),
            None => Err(failure::new(
                Code::UnknownRef,
                "the repository's default branch has no commits: name a branch",
            )),
        };
    };
    for prefix in ["refs/heads/", "refs/tags/", ""] {
        let name = format!("{prefix}{wanted}");
        if let Some(id) = id_of(&name) {
            let branch = name.strip_prefix("refs/heads/").map(str::to_owned);
            return Ok(Wanted { branch, reference: Some(name), id: Some(id) });
        }
    }
    let hex = (4..=40).contains(&wanted.len()) && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex { Ok(Wanted { branch: None, reference: None, id: None }) } else { Err(unknown(wanted)) }
}

fn unknown(wanted: &str) -> GitFailure {
    failure::new(Code::UnknownRef, format!("the repository has no branch, tag or commit {wanted:?}"))
}

/// Fetches. With a depth only what is asked for; a bare commit needs everything, since it can be anywhere.
fn receive(
    remote: &mut Remote<'_>,
    wanted: &Wanted,
    depth: Option<u32>,
    report: &Report,
) -> Result<(), git2::Error> {
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|stats| {
        let (received, indexed) = (stats.received_objects(), stats.indexed_deltas());
        if received < stats.total_objects() || stats.total_deltas() == 0 {
            report.progress("receiving", received, stats.total_objects(), stats.received_bytes());
        } else {
            report.progress("resolving", indexed, stats.total_deltas(), stats.received_bytes());
        }
        true
    });
    callbacks.sideband_progress(|_| {
        report.alive();
        true
    });
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks).download_tags(AutotagOption::All);
    let mut refspecs = vec!["+refs/heads/*:refs/remotes/origin/*".to_owned()];
    if let (Some(depth), Some(reference)) = (depth.filter(|depth| 0 < *depth), &wanted.reference) {
        options.depth(i32::try_from(depth).unwrap_or(i32::MAX)).download_tags(AutotagOption::None);
        let local = match &wanted.branch {
            Some(branch) => format!("refs/remotes/origin/{branch}"),
            None => reference.clone(),
        };
        refspecs = vec![format!("+{reference}:{local}")];
    }
    remote.fetch(&refspecs, Some(&mut options), None)
}

/// The commit that was asked for.
pub(super) fn find<'a>(
    repository: &'a Repository,
    wanted: &Wanted,
    spec: Option<&str>,
) -> Result<Commit<'a>, GitFailure> {
    let object = match (wanted.id, spec) {
        // A tag may be an object of its own.
        (Some(id), _) => repository.find_object(id, None),
        (None, Some(spec)) => repository.revparse_single(spec),
        (None, None) => repository.revparse_single("HEAD"),
    };
    object
        .and_then(|object| object.peel_to_commit())
        .map_err(|error| spec.map_or_else(|| failure::of(&error), unknown))
}
