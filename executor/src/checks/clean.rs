//! Folders for one repository each: a clean checkout of a commit, for the checks that ask for one, and an empty
//! repository that borrows the commit's objects, to compare with.
//!
//! A clean checkout is made as the agent's user, without hooks, filters or settings, from the executor's own repository,
//! and borrows nothing: a check before it may have changed what is in the workspace.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::process::Command;

use crate::{Config, account::Account, refusal::Refusal};

/// How long removing a checkout may take.
const REMOVE: Duration = Duration::from_secs(120);
/// Makes an empty repository in the folder `$1` that borrows the objects of the executor's repository `$2`, sets
/// `commit` to the full id of the commit `$3`, and goes there. Without `$3` it is the newest commit of the run.
/// `$4` is the workspace.
const BORROW: &str = r#"set -eu
rm -rf -- "$1"
git init -q --template= -- "$1"
printf '%s\n' "$2/objects" >"$1/.git/objects/info/alternates"
wanted=$3
newest() { git --git-dir="$1" rev-parse --verify -q refs/branch/head || git --git-dir="$1" rev-parse refs/caisson/base; }
[ -n "$wanted" ] || wanted=$(newest "$2")
! [ -e "$2/shallow" ] || cp -- "$2/shallow" "$1/.git/shallow"
cd -- "$1"
commit=$(git rev-parse --verify "$wanted^{commit}")
"#;
/// A check may leave folders whose mode keeps their files from being removed.
const REMOVAL: &str = r#"chmod -R u+rwX -- "$1" 2>/dev/null; rm -rf -- "$1""#;

/// The commit that is judged, and the repository that has it.
#[derive(Debug)]
pub(crate) struct Commit {
    repository: PathBuf,
    /// `None`: the newest one of the repository.
    id: Option<String>,
}

impl Commit {
    /// The commit with this id.
    ///
    /// # Errors
    /// `Invalid` when it is not a full id.
    pub(crate) fn of(config: &Config, id: Option<&str>) -> Result<Self, Refusal> {
        let full = |id: &str| matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if id.is_some_and(|id| !full(id)) {
            let why = "commit: is not the full id of a commit: 40 hexadecimal digits";
            return Err(Refusal::Invalid(why.to_owned()));
        }
        Ok(Self { repository: config.spool.join("repository.git"), id: id.map(str::to_owned) })
    }

    /// Its id; `None` is the newest one.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether there is a repository at all.
    pub(super) fn has_repository(&self) -> bool {
        self.repository.exists()
    }
}

/// A folder in the agent's home for one repository; whoever made it removes it.
pub(super) struct Folder<'a> {
    account: &'a Account,
    job: &'a str,
    path: PathBuf,
}

impl<'a> Folder<'a> {
    /// A place that no other check uses; nothing is made yet.
    pub(super) fn new(account: &'a Account, job: &'a str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { account, job, path: account.home().join(format!("clean-checkout-{number}")) }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A command that borrows the commit's objects and then runs this script in the new repository.
    pub(super) fn git(&self, commit: &Commit, script: &str) -> Command {
        let mut command = self.account.git_command("bash", self.job);
        command.args(["-c", &format!("{BORROW}{script}"), "checks"]).arg(&self.path);
        command
            .arg(&commit.repository)
            .arg(commit.id.as_deref().unwrap_or_default())
            .arg(self.account.workspace());
        // Only the repository's own settings count, and this one has none. The user's attributes are in HOME.
        command.env("HOME", "/nonexistent").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_ATTR_NOSYSTEM", "1");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
        // The executor's own repository belongs to another user than the agent's.
        command.envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory")]);
        command.env("GIT_CONFIG_VALUE_0", "*").stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Removes it with everything in it. All processes of the job must have ended.
    pub(super) async fn remove(self) {
        let mut command = self.account.command("bash", self.job);
        command.args(["-c", REMOVAL, "checks"]).arg(&self.path);
        match tokio::time::timeout(REMOVE, command.status()).await {
            Ok(Ok(status)) if status.success() => {}
            other => {
                tracing::warn!(folder = %self.path.display(), ?other, "a clean checkout was left behind")
            }
        }
    }
}

/// What a command printed; its last line of complaint when it failed.
pub(super) fn said(output: Output) -> io::Result<Vec<u8>> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("git failed");
    Err(io::Error::other(last.to_owned()))
}
