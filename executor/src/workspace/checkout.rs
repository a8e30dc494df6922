//! What a fresh clone's repository is given: its remote and its files.

use std::path::Path;

use api::executor::GitFailure;
use git2::Repository;

use super::{report::Report, sealed::Sealed};
use crate::git::spellings;

/// `origin` is the real address, for people and tools; what goes there goes through the relay.
/// With a branch only that one is fetched later: a shallow clone of one branch stays one.
pub(super) fn remember_remote(
    repository: &Repository,
    address: &str,
    relay_url: &str,
    branch: Option<&str>,
) -> Result<(), git2::Error> {
    let url = address.trim_end_matches('/');
    match branch {
        Some(branch) => {
            let refspec = format!("+refs/heads/{branch}:refs/remotes/origin/{branch}");
            repository.remote_with_fetch("origin", url, &refspec)?
        }
        None => repository.remote("origin", url)?,
    };
    let (mut config, name) = (repository.config()?, format!("url.{relay_url}.insteadOf"));
    // The pattern fits no value that is there, so each is one more.
    spellings(address).iter().try_for_each(|spelling| config.set_multivar(&name, "^$", spelling))
}

/// Writes the files of `HEAD` and its index. Git itself does it: it knows every attribute.
pub(super) fn files(workspace: &Path, report: &Report) -> Result<(), GitFailure> {
    let git = Sealed::at(&workspace.join(".git"), workspace);
    let words = [
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "advice.detachedHead=false",
        "checkout",
        "--force",
        "--progress",
    ];
    git.watch(words, |line| match updated(line) {
        Some((done, total)) => report.progress("checkout", done, total, 0),
        None => report.alive(),
    })?;
    // Git says nothing of what takes it less than two seconds.
    report.progress("checkout", 1, 1, 0);
    Ok(())
}

/// Reads `Updating files:  42% (84/200)`.
fn updated(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("Updating files:")?.split_once('(')?;
    let (done, rest) = counts.split_once('/')?;
    Some((done.parse().ok()?, rest.split(')').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read() {
        assert_eq!(updated("Updating files:  42% (84/200)"), Some((84, 200)));
        assert_eq!(updated("Updating files: 100% (200/200), done."), Some((200, 200)));
        assert_eq!(updated("warning: (1/2)"), None);
    }
}
