//! Clones into the workspace, through the relay, and checks out a branch for the run's work.

use std::{fs, path::Path};

use api::executor::{GitClone, GitFailure, GitFailureCode as Code};
use git2::{
    AutotagOption, BranchType, Commit, Direction, FetchOptions, Oid, Remote, RemoteCallbacks,
    RemoteConnection, Repository, build::CheckoutBuilder,
};

use super::{empty, failure, report::Report};
use crate::git::Answer;

/// In the repository's own settings: what was cloned. Written last, so its absence means "not finished".
pub(super) const REPOSITORY: &str = "caisson.repository";
/// The commit the clone started at.
const COMMIT: &str = "caisson.commit";
/// Set while the clone is not finished.
const UNFINISHED: &str = "caisson.unfinished";

/// What the remote has, as far as the request needs it.
struct Wanted {
    /// The branch, when it is one.
    branch: Option<String>,
    /// The full name of the branch or tag; `None` for a commit.
    reference: Option<String>,
    /// The commit, where the remote's list names it.
    id: Option<Oid>,
}

/// Clones, or says what an earlier call did.
pub(super) fn run(
    workspace: &Path,
    clone: &GitClone,
    url: &str,
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
    let mut remote = repository.remote_anonymous(url).map_err(git)?;
    // One connection for both questions.
    let mut connection = remote.connect_auth(Direction::Fetch, None, None).map_err(git)?;
    let wanted = look(&connection, clone.r#ref.as_deref())?;
    fetch(connection.remote(), &wanted, clone.depth, report).map_err(git)?;
    drop(connection);
    let commit = find(&repository, &wanted, clone.r#ref.as_deref())?;
    remember_remote(&repository, clone, url, &wanted).map_err(git)?;
    let branch = check_out(&repository, &commit, &wanted, clone.work_branch.as_deref(), report)?;
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
fn fetch(
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

fn find<'a>(
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

/// `origin` is the real address, for people and tools; what goes there goes through the relay.
fn remember_remote(
    repository: &Repository,
    clone: &GitClone,
    relay_url: &str,
    wanted: &Wanted,
) -> Result<(), git2::Error> {
    let url = clone.repository_url.trim_end_matches('/');
    match (&wanted.branch, clone.depth) {
        // A shallow clone of one branch stays one when the agent fetches.
        (Some(branch), Some(1..)) => {
            let refspec = format!("+refs/heads/{branch}:refs/remotes/origin/{branch}");
            repository.remote_with_fetch("origin", url, &refspec)?
        }
        _ => repository.remote("origin", url)?,
    };
    if let Some(branch) = &wanted.branch {
        let (name, target) = ("refs/remotes/origin/HEAD", format!("refs/remotes/origin/{branch}"));
        repository.reference_symbolic(name, &target, true, "clone")?;
    }
    repository.config()?.set_str(&format!("url.{relay_url}.insteadOf"), url)
}

/// Checks the commit out, on a branch for the work, or on the branch that was asked for.
fn check_out(
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
    if let (None, Some(branch)) = (work_branch, &wanted.branch) {
        let mut local = repository.find_branch(branch, BranchType::Local).map_err(git)?;
        local.set_upstream(Some(&format!("origin/{branch}"))).map_err(git)?;
    }
    let mut options = CheckoutBuilder::new();
    options.force().progress(|_, done, total| report.progress("checkout", done, total, 0));
    repository.checkout_head(Some(&mut options)).map_err(git)?;
    Ok(name.unwrap_or("HEAD").to_owned())
}

fn finish(repository: &Repository, url: &str, commit: &str) -> Result<(), git2::Error> {
    let mut config = repository.config()?;
    config.set_str(COMMIT, commit)?;
    config.set_str(REPOSITORY, url)?;
    config.remove(UNFINISHED)
}
