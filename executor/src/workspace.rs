//! The workspace's repository: the git worker's side, and the only module that names git2.
//!
//! It runs as the agent's uid, so it can do no more than the agent could. libgit2 runs no hooks and no
//! configured filters. It blocks, which is fine here, and may hang, which is what the other side watches.

mod checkout;
mod clone;
mod commit;
mod diff;
mod failure;
mod fetch;
mod heard;
mod lfs;
mod names;
mod push;
mod report;
mod submodules;
mod tries;

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use api::executor::GitFailure;

use crate::git::{Answer, Request};
use report::Report;

/// The worker: one request on standard input, answers on standard output.
///
/// # Errors
/// When standard input holds no request.
pub(crate) fn worker() -> io::Result<()> {
    let mut request = String::new();
    io::stdin().read_to_string(&mut request)?;
    let request: Request = serde_json::from_str(&request)?;
    let report = Report::default();
    let answer = answer(request, &report).unwrap_or_else(Answer::Failed);
    report.say(&answer);
    Ok(())
}

fn answer(request: Request, report: &Report) -> Result<Answer, GitFailure> {
    match request {
        Request::Clone { workspace, clone, relay } => clone::run(&workspace, &clone, relay, report),
        Request::Clear { workspace } => clear(&workspace),
        Request::Commit { workspace, message, name, email } => {
            commit::run(&workspace, &message, &name, &email)
        }
        Request::Diff { workspace, diff } => diff::run(&workspace, &diff, report),
        Request::Push { workspace, push, relay, repository } => {
            push::run(&workspace, &push, relay, repository, report)
        }
        Request::Identify { home, name, email } => identify(&home, &name, &email),
    }
}

/// Removes what a clone that failed has left; what was there before it is not touched.
fn clear(workspace: &Path) -> Result<Answer, GitFailure> {
    if clone::is_unfinished(workspace) {
        empty(workspace).map_err(failure::system("emptying the workspace"))?;
    }
    Ok(Answer::Done)
}

/// Removes everything in a folder, but not the folder.
fn empty(folder: &Path) -> io::Result<()> {
    // The repository last: it says that the rest is ours to remove.
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.file_name() == ".git");
    for entry in entries {
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// Sets the author of the agent's own commits.
fn identify(home: &Path, name: &str, email: &str) -> Result<Answer, GitFailure> {
    let set = || {
        let mut config = git2::Config::open(&home.join(".gitconfig"))?;
        config.set_str("user.name", name)?;
        config.set_str("user.email", email)
    };
    set().map_err(|error| failure::of(&error))?;
    Ok(Answer::Done)
}
