//! Submodules: those whose repositories the run may read are checked out, the others stay empty folders.
//!
//! A submodule's repository is in its own folder, so its name, which is hostile, names no folder anywhere.

mod list;

use std::{fs, net::SocketAddr, path::Path};

use api::executor::{GitClone, GitFailure};
use git2::{Commit, FileMode, Oid, Repository, RepositoryInitOptions};

use super::{
    checkout::{files, remember_remote},
    failure,
    fetch::{fetch, find},
    lfs,
    report::Report,
};
use crate::git::{relay_url, resolve, same};
use list::{LARGEST, Named, is_safe_name, is_safe_path};

/// How deep submodules may be in submodules, and how many there may be at all.
const DEPTH: u32 = 5;
const MOST: usize = 100;
/// How many addresses a notice names.
const SHOWN: usize = 5;

/// What came of it.
#[derive(Default)]
pub(super) struct Inside {
    /// Whether some submodule keeps files in Git LFS.
    pub(super) name_lfs: bool,
    checked_out: usize,
    left_out: usize,
    addresses: Vec<String>,
}

/// A submodule that is to be checked out.
struct Found<'a> {
    named: Named,
    /// Its address as the repository gives it, and as the run may read it.
    url: String,
    source: &'a str,
    id: Oid,
}

/// What stays the same at every depth.
struct Walk<'a> {
    allowed: &'a [String],
    relay: SocketAddr,
    report: &'a Report,
}

/// Checks submodules out, and tells how many were not.
///
/// # Errors
/// When one that the run may read cannot be had.
pub(super) fn check_out(
    repository: &Repository,
    commit: &Commit<'_>,
    clone: &GitClone,
    relay: SocketAddr,
    report: &Report,
) -> Result<Inside, GitFailure> {
    let walk = Walk { allowed: &clone.submodules, relay, report };
    let mut inside = Inside::default();
    walk.enter(repository, commit, &clone.repository_url, 1, &mut inside)?;
    if 0 < inside.left_out {
        report.notice(left_out(&inside));
    }
    Ok(inside)
}

fn left_out(inside: &Inside) -> String {
    let what = match inside.left_out {
        1 => "One submodule stays an empty folder".to_owned(),
        count => format!("{count} submodules stay empty folders"),
    };
    let names = match inside.addresses.as_slice() {
        [] => String::new(),
        addresses => format!(" ({})", addresses.join(", ")),
    };
    format!("{what}: add the repositories{names} to the task's `submodules` to have them checked out.")
}

impl Walk<'_> {
    /// The submodules of one repository, which was cloned from `address`.
    fn enter(
        &self,
        repository: &Repository,
        commit: &Commit<'_>,
        address: &str,
        depth: u32,
        inside: &mut Inside,
    ) -> Result<(), GitFailure> {
        for named in named_in(repository, commit).map_err(|error| failure::of(&error))? {
            let tree = commit.tree().map_err(|error| failure::of(&error))?;
            let link = tree.get_path(Path::new(&named.path)).ok();
            let Some(link) = link.filter(|link| link.filemode() == i32::from(FileMode::Commit)) else {
                continue;
            };
            let url = resolve(address, &named.url);
            let source = url.as_ref().and_then(|url| self.allowed.iter().find(|allowed| same(allowed, url)));
            let room = depth <= DEPTH && inside.checked_out < MOST && is_free(repository, &named.path);
            match (url, source) {
                (Some(url), Some(source)) if room => {
                    inside.checked_out += 1;
                    let path = named.path.clone();
                    let found = Found { named, url, source, id: link.id() };
                    self.one(repository, &found, depth, inside).map_err(|GitFailure { code, message }| {
                        failure::new(code, format!("submodule {path}: {message}"))
                    })?;
                }
                (url, _) => {
                    inside.left_out += 1;
                    // Only what could be put on the list.
                    let url = url.filter(|url| same(url, url) && !inside.addresses.contains(url));
                    let room = inside.addresses.len() < SHOWN;
                    inside.addresses.extend(url.filter(|_| room));
                }
            }
        }
        Ok(())
    }

    fn one(
        &self,
        outer: &Repository,
        found: &Found<'_>,
        depth: u32,
        inside: &mut Inside,
    ) -> Result<(), GitFailure> {
        let git = |error: git2::Error| failure::of(&error);
        let Found { named, url, source, id } = found;
        let folder = outer.workdir().unwrap_or_else(|| outer.path()).join(&named.path);
        let options = &mut RepositoryInitOptions::new();
        let repository = Repository::init_opts(&folder, options.no_reinit(true)).map_err(git)?;
        let through = relay_url(self.relay, source)?;
        let spec = id.to_string();
        let wanted = fetch(&folder, &through, Some(&spec), None, self.report)?;
        let commit = find(&repository, &wanted, Some(&spec))?;
        remember_remote(&repository, url, &through, None).map_err(git)?;
        repository.set_head_detached(*id).map_err(git)?;
        files(&folder, self.report)?;
        if is_safe_name(&named.name) {
            let set = |(key, value): (&str, &str)| {
                outer.config()?.set_str(&format!("submodule.{}.{key}", named.name), value)
            };
            [("active", "true"), ("url", url)].into_iter().try_for_each(set).map_err(git)?;
        }
        inside.name_lfs |= lfs::named(&repository);
        self.enter(&repository, &commit, url, depth + 1, inside)
    }
}

/// What the commit's `.gitmodules` names at paths that may be.
fn named_in(repository: &Repository, commit: &Commit<'_>) -> Result<Vec<Named>, git2::Error> {
    let tree = commit.tree()?;
    let Some(entry) = tree.get_name(".gitmodules") else { return Ok(Vec::new()) };
    let is_file = matches!(entry.filemode(), 0o100_644 | 0o100_755);
    if !is_file || LARGEST < repository.odb()?.read_header(entry.id())?.0 {
        return Ok(Vec::new());
    }
    let blob = repository.find_blob(entry.id())?;
    let mut all = list::read(&String::from_utf8_lossy(blob.content()));
    all.retain(|named| is_safe_path(&named.path));
    Ok(all)
}

/// Whether the checkout has left an empty folder there, with real folders on the way to it.
fn is_free(repository: &Repository, path: &str) -> bool {
    let Some(mut place) = repository.workdir().map(Path::to_path_buf) else { return false };
    let real = Path::new(path).components().all(|part| {
        place.push(part);
        fs::symlink_metadata(&place).is_ok_and(|file| file.is_dir())
    });
    real && fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_none())
}
