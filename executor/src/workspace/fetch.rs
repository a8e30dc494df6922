//! What a remote has, and bringing it here.

use std::path::Path;

use api::executor::{GitFailure, GitFailureCode as Code, Told};
use git2::{
    AutotagOption, Commit, Config, Direction, FetchOptions, Oid, Remote, RemoteCallbacks, RemoteConnection,
    Repository,
};

use super::{failure, heard::Heard, names::references, report::Report, tries::patiently};

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

/// Fetches what is asked for, again when the transfer breaks.
pub(super) fn fetch(
    workspace: &Path,
    url: &str,
    spec: Option<&str>,
    depth: Option<u32>,
    report: &Report,
) -> Result<Wanted, GitFailure> {
    let repository = sealed(workspace).map_err(|error| failure::of(&error))?;
    patiently(report, || once(&repository, url, spec, depth, report))
}

/// One connection for both questions.
fn once(
    repository: &Repository,
    url: &str,
    spec: Option<&str>,
    depth: Option<u32>,
    report: &Report,
) -> Result<Wanted, Told> {
    let mut remote = repository.remote_anonymous(url).map_err(|error| failure::told(&error))?;
    let connected = remote.connect_auth(Direction::Fetch, None, None);
    let mut connection = connected.map_err(|error| failure::told(&error))?;
    let wanted = look(&connection, spec)?;
    receive(connection.remote(), &refspecs(&wanted, depth), depth_of(&wanted, depth), report)?;
    drop(connection);
    match spec.filter(|_| wanted.id.is_none()).and_then(|spec| Oid::from_str(spec).ok()) {
        // A commit can be on no branch: some servers hand it out by its id.
        Some(id) if spec.is_some_and(is_full_id) && repository.find_commit(id).is_err() => {
            let by_id = [format!("+{id}:refs/caisson/wanted")];
            receive(&mut remote, &by_id, None, report).map_err(|told| match told.failure.code {
                Code::Interrupted | Code::DiskFull => told,
                _ => failure::new(Code::UnknownRef, nowhere(&id.to_string())).into(),
            })?;
        }
        _ => {}
    }
    Ok(wanted)
}

fn is_full_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Asks the remote what it has.
fn look(connection: &RemoteConnection<'_, '_, '_>, wanted: Option<&str>) -> Result<Wanted, GitFailure> {
    let heads = references(connection).map_err(|error| failure::of(&error))?;
    let id_of = |name: &str| heads.iter().find(|(known, _)| known == name).map(|(_, id)| *id);
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
    let why = match is_full_id(wanted) {
        true => nowhere(wanted),
        false => format!("the repository has no branch, tag or commit {wanted:?}"),
    };
    failure::new(Code::UnknownRef, why)
}

fn nowhere(id: &str) -> String {
    format!(
        "no branch and no tag of the repository holds a commit {id}, and its server does not give it out by its id: \
         push it to a branch"
    )
}

/// With a depth only what is asked for; a bare commit needs everything, since it can be anywhere. What is neither
/// branch nor tag, as `refs/pull/7/head`, comes beside them.
fn refspecs(wanted: &Wanted, depth: Option<u32>) -> Vec<String> {
    let apart = wanted.reference.as_deref().filter(|_| wanted.branch.is_none());
    match (depth_of(wanted, depth), &wanted.branch, apart) {
        (Some(_), Some(branch), _) => vec![format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")],
        (Some(_), None, Some(reference)) => vec![format!("+{reference}:{reference}")],
        (_, _, apart) => {
            let apart = apart.filter(|reference| reference.starts_with("refs/"));
            let branches = "+refs/heads/*:refs/remotes/origin/*".to_owned();
            [branches].into_iter().chain(apart.map(|reference| format!("+{reference}:{reference}"))).collect()
        }
    }
}

/// The depth that counts.
fn depth_of(wanted: &Wanted, depth: Option<u32>) -> Option<u32> {
    depth.filter(|depth| 0 < *depth && wanted.reference.is_some())
}

fn receive(
    remote: &mut Remote<'_>,
    refspecs: &[String],
    depth: Option<u32>,
    report: &Report,
) -> Result<(), Told> {
    let heard = Heard::default();
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
    callbacks.sideband_progress(|piece| {
        heard.piece(piece);
        report.alive();
        true
    });
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks).download_tags(AutotagOption::All);
    if let Some(depth) = depth {
        options.depth(i32::try_from(depth).unwrap_or(i32::MAX)).download_tags(AutotagOption::None);
    }
    let fetched = remote.fetch(refspecs, Some(&mut options), None);
    drop(options);
    fetched.map_err(|error| heard.explain_fetch(failure::told(&error)))
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
