//! A fresh repository around the files that are there.

use std::{fs, io};

use api::executor::{GitFailure, GitFailureCode as Code};
use git2::{BranchType, Repository};

use super::{
    super::{objects::copy_objects, theirs::Theirs},
    write,
};
use crate::{
    git::{Settle, relay_url},
    workspace::{checkout::remember_remote, failure, report::Report},
};

/// Where a repository that was replaced is: on its way, and then in the new one's folder.
const ON_ITS_WAY: &str = ".caisson-replaced";
const REPLACED: &str = "caisson-replaced";

/// Puts a fresh repository in the place of one that cannot be used, which is kept in its folder. The files stay.
pub(super) fn replace(asked: &Settle, head: &str, report: &Report) -> Result<(), GitFailure> {
    let (old, aside) = (asked.workspace.join(".git"), asked.workspace.join(ON_ITS_WAY));
    let is_there = old.symlink_metadata().is_ok();
    if is_there {
        fs::rename(&old, &aside).map_err(failure::system("moving the workspace's repository"))?;
    }
    let made = make_repository(asked, head, report);
    if is_there && fs::rename(&aside, old.join(REPLACED)).is_err() {
        // It must not look like work. What could be read of it is in the executor's own repository.
        let removed = if aside.is_dir() { fs::remove_dir_all(&aside) } else { fs::remove_file(&aside) };
        if let Err(error) = removed {
            tracing::debug!(%error, "a replaced repository is in the way");
        }
    }
    made
}

/// A fresh repository around the files that are there, with everything the executor's own one has.
pub(in crate::workspace) fn make_repository(
    asked: &Settle,
    head: &str,
    report: &Report,
) -> Result<(), GitFailure> {
    let git = |error: git2::Error| failure::of(&error);
    let system = failure::system("making the workspace's repository");
    let repository = Repository::init(&asked.workspace).map_err(git)?;
    let folder = repository.path().to_owned();
    copy_objects(&asked.vault.join("objects"), &folder.join("objects"));
    report.alive();
    let vault = Theirs::bare(&asked.vault);
    let kept = |name: &&String| name.starts_with("refs/remotes/") || name.starts_with("refs/tags/");
    let mut packed = String::from("# pack-refs with: sorted \n");
    for name in vault.refs.keys().filter(kept) {
        packed.push_str(&format!("{} {name}\n", vault.refs[name]));
    }
    fs::write(folder.join("packed-refs"), packed).map_err(&system)?;
    match fs::copy(asked.vault.join("shallow"), folder.join("shallow")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(system(error)),
        _ => {}
    }
    let url = relay_url(asked.relay, &asked.repository)?;
    remember_remote(&repository, &asked.repository, &url, asked.only.as_deref()).map_err(git)?;
    if let Some(fetched) = &asked.fetched {
        let (name, target) = ("refs/remotes/origin/HEAD", format!("refs/remotes/origin/{fetched}"));
        repository.reference_symbolic(name, &target, true, "clone").map_err(git)?;
    }
    let Some(branch) = &asked.branch else { return write(&folder, "HEAD", head).map_err(system) };
    let name = format!("refs/heads/{branch}");
    if !git2::Reference::is_valid_name(&name) {
        return Err(failure::new(Code::Other, format!("branch: {branch:?} is not the name of a branch")));
    }
    write(&folder, &name, head).map_err(&system)?;
    write(&folder, "HEAD", &format!("ref: {name}")).map_err(system)?;
    if asked.fetched.as_ref() == Some(branch) {
        let mut local = repository.find_branch(branch, BranchType::Local).map_err(git)?;
        local.set_upstream(Some(&format!("origin/{branch}"))).map_err(git)?;
    }
    Ok(())
}
