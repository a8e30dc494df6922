//! Whether the agent can work in its repository, and what keeps it from that.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use nix::unistd::{AccessFlags, access};

use super::super::{stage::Stage, theirs::Theirs};

/// Settings that make git look for the files somewhere else.
const MISLEADING: [&str; 2] = ["core.bare", "core.worktree"];

/// Whether git as the agent will use it finds its settings, its index and all files of the commit, and can write.
pub(super) fn is_usable(workspace: &Path, theirs: &Theirs, head: &str) -> bool {
    let git = |words: &[&str]| git(workspace, words).filter(|said| said.status.success());
    let is_here = || {
        let said = git(&["rev-parse", "--is-inside-work-tree", "--show-cdup", "HEAD"])?;
        // In the outermost folder the way up is an empty line.
        Some(said.stdout == format!("true\n\n{head}\n").into_bytes())
    };
    is_writable(theirs)
        && is_here().unwrap_or(false)
        && git(&["ls-tree", "-r", "-l", "HEAD"]).is_some_and(|listed| has_all_sizes(&listed.stdout))
        && git(&["rev-list", "--quiet", "HEAD"]).is_some()
        && git(&["diff-index", "--cached", "--quiet", "HEAD"]).is_some()
}

fn git(workspace: &Path, words: &[&str]) -> Option<Output> {
    let mut command = Command::new("git");
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]).args(words);
    command.current_dir(workspace).env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(Stdio::null());
    command.env("GIT_CEILING_DIRECTORIES", workspace.parent().unwrap_or(workspace)).output().ok()
}

/// Objects that are not there have the size `BAD`.
fn has_all_sizes(listed: &[u8]) -> bool {
    let size = |line: &[u8]| {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.nth(3) == Some(b"BAD")
    };
    !listed.split(|byte| *byte == b'\n').any(size)
}

/// Whether the places are there that the next commit is written to.
fn is_writable(theirs: &Theirs) -> bool {
    let common = &theirs.common;
    let places = [theirs.git_dir.clone(), common.clone(), theirs.objects(), common.join("refs/heads")];
    places.iter().all(|place| place.is_dir() && access(place, AccessFlags::W_OK | AccessFlags::X_OK).is_ok())
}

/// Takes away what misleads git or is of no use to it.
pub(super) fn mend(stage: &Stage, vault: &Path, theirs: &Theirs) {
    for name in ["config", "config.worktree"] {
        for file in [theirs.common.join(name), theirs.git_dir.join(name)] {
            let is_file = fs::metadata(&file).is_ok_and(|known| known.is_file());
            for key in MISLEADING.iter().filter(|_| is_file) {
                // One that is not set need not be taken away.
                let words = ["config", "--file"].map(std::ffi::OsStr::new);
                let more = ["--unset-all", key].map(std::ffi::OsStr::new);
                stage.git.holds([words.as_slice(), &[file.as_os_str()], &more].concat(), &[]);
            }
        }
    }
    for name in ["objects/info/commit-graph", "objects/pack/multi-pack-index", "shallow", "info/grafts"] {
        // Git can do without each of them.
        let _ = fs::remove_file(theirs.common.join(name));
    }
    if let Ok(ends) = fs::read(vault.join("shallow")) {
        let _ = fs::write(theirs.common.join("shallow"), ends);
    }
}
