//! The workspace's repository: the git worker's side, and the only module that names git2.
//!
//! It runs as the agent's uid, so it can do no more than the agent could. libgit2 runs no hooks and no
//! configured filters. It blocks, which is fine here, and may hang, which is what the other side watches.

mod checkout;
mod clone;
mod collect;
mod diff;
mod failure;
mod fetch;
mod heard;
mod lfs;
mod names;
mod push;
mod report;
mod sealed;
mod submodules;
mod tries;
mod vault;

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use api::executor::GitFailure;

use crate::git::{Answer, Raw, Request};
pub(crate) use collect::{InnerBundle, slug};
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
        Request::Fetch { vault, clone, relay } => clone::fetch_all(&vault, &clone, relay, report),
        Request::Checkout { clone, fetched, settle } => {
            clone::check_out_all(&clone, &fetched, &settle, report)
        }
        Request::Clear { workspace } => {
            empty(&workspace).map(|()| Answer::Done).map_err(failure::system("emptying the workspace"))
        }
        Request::Collect(collect) => collect::run(&collect, report),
        Request::Settle(settle) => collect::settle(&settle, report),
        Request::Lend { settle, aside } => collect::lend(&settle, &aside, report),
        Request::GiveBack { workspace, aside } => collect::give_back(&workspace, &aside),
        Request::CheckOut(settle) => clone::check_out_clean(&settle, report),
        Request::Note { vault, refs, replace } => vault::note(&vault, &refs, replace),
        Request::Diff { collect, diff } => diff::run(&collect, &diff, report),
        Request::Push { vault, head, push, relay, repository } => {
            push::run(&vault, &head, &push, relay, &repository, report)
        }
        Request::Identify { home, name, email } => identify(&home, &name, &email),
    }
}

/// The worker that hands over bytes: one request on standard input, the bytes on standard output.
///
/// # Errors
/// When there is no request, or something that it needs cannot be read.
pub(crate) fn raw_worker() -> io::Result<()> {
    let mut request = String::new();
    io::stdin().read_to_string(&mut request)?;
    let request: Raw = serde_json::from_str(&request)?;
    collect::write_raw(&request)
}

/// The worker that takes a pack into the executor's repository.
///
/// # Errors
/// When the pack is not whole, or the disk full.
pub(crate) fn take_worker() -> io::Result<()> {
    vault::take(io::stdin().lock())
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
