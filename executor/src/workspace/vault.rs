//! The executor's own repository, out of the agent's reach: it has the base and everything that was taken out of the
//! workspace. Its worker runs as the executor's user, without its privileges.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

use api::executor::GitFailure;
use git2::Repository;

use super::{failure, sealed::Sealed};
use crate::git::{Answer, failed};

/// Makes an empty one in the place of what is there.
pub(super) fn create(vault: &Path) -> Result<Repository, GitFailure> {
    match fs::remove_dir_all(vault) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failure::system("removing an unfinished clone")(error));
        }
        _ => {}
    }
    Repository::init_bare(vault).map_err(|error| failure::of(&error))
}

/// Sets references. With `replace`, those below `refs/elsewhere/` that are not named go.
pub(super) fn note(vault: &Path, refs: &[(String, String)], replace: bool) -> Result<Answer, GitFailure> {
    let git = Sealed::at(vault, vault);
    for (name, id) in refs {
        let tip = format!("{id}\n");
        // Before git 2.42 standard input has no options.
        let words = ["rev-list", "--objects", "--quiet", "--stdin", "--not", "--all"];
        if !git.holds(words, tip.as_bytes()) {
            return Err(failed(format!("{name}: not all of commit {id} has arrived")));
        }
    }
    let mut input = String::new();
    if replace {
        let named: BTreeSet<_> = refs.iter().map(|(name, _)| name.as_str()).collect();
        let there = git.word(["for-each-ref", "--format=%(refname)", "refs/elsewhere/"])?;
        for name in there.lines().filter(|name| !named.contains(name)) {
            input.push_str(&format!("delete {name}\n"));
        }
    }
    for (name, id) in refs {
        input.push_str(&format!("update {name} {id}\n"));
    }
    git.feed(["update-ref", "--stdin"], input.as_bytes())?;
    Ok(Answer::Done)
}

/// Takes a pack: a line with the repository's path as JSON, then the pack, on standard input.
pub(super) fn take(mut input: impl BufRead) -> io::Result<()> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let vault: PathBuf = serde_json::from_str(&line)?;
    let mut command = Sealed::at(&vault, &vault).command(["index-pack", "--stdin"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match io::copy(&mut input, &mut stdin).and_then(|_| stdin.flush()) {
            // Git has ended early; its status says why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    if child.wait()?.success() { Ok(()) } else { Err(io::Error::other("git took no pack")) }
}
