//! What is kept beside the commits: bundles and archives, in the executor's own folder.

use std::process::Stdio;

use api::{
    executor::{GitFailure, GitFailureCode, Kept},
    run::Artifact,
};
use tokio::{
    fs,
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

use super::{Git, Raw, failed};

/// The worker that hands over bytes.
const RAW: &str = "git-raw";
/// Work that is not on the run's branch.
pub(crate) const ELSEWHERE: &str = "elsewhere.bundle";
/// Commits of the branch that were not pushed.
pub(crate) const BRANCH: &str = "branch.bundle";
/// Files that are in no commit.
pub(super) const LEFT_OUT: &str = "left-out.tar.gz";
/// All files.
pub(super) const WORKSPACE: &str = "workspace.tar.gz";

impl Git {
    /// Everything that is kept; bundles of commits are made when they are asked for.
    /// One that cannot be made takes no other with it.
    pub(crate) async fn kept(&self) -> Kept {
        let _turn = self.0.turn.write().await;
        let (mut kept, ledger) = (Kept::default(), self.ledger());
        let without = format!("^{}\n", ledger.base);
        let unpushed = ledger.head.is_some()
            && ledger.head != ledger.pushed
            && ledger.head.as_ref() != Some(&ledger.base);
        let bundles = [
            (ELSEWHERE, "refs/elsewhere/*", !ledger.elsewhere.is_empty(), ABOUT_ELSEWHERE),
            (BRANCH, "refs/branch/*", unpushed, ABOUT_BRANCH),
        ];
        for (name, refs, is_wanted, what) in bundles {
            let bundle = Raw::Bundle {
                git_dir: self.0.places.vault(),
                refs: refs.to_owned(),
                without: self.without(&without),
            };
            if !is_wanted {
                self.forget(name).await;
            } else if let Err(failure) = self.keep(name, what, &bundle, true).await {
                kept.notices.push(format!("{name} could not be made: {}.", failure.message));
            }
        }
        for (name, what) in self.ledger().artifacts {
            if let Ok(known) = fs::metadata(self.0.places.kept().join(&name)).await {
                kept.artifacts.push(Artifact { name, bytes: known.len(), what });
            }
        }
        kept
    }

    /// The file of something that is kept.
    pub(crate) async fn open_kept(&self, name: &str) -> Option<fs::File> {
        self.ledger().artifacts.contains_key(name).then_some(())?;
        fs::File::open(self.0.places.kept().join(name)).await.ok()
    }

    /// What everybody has: the base, and the branch as far as it was pushed.
    fn without(&self, base: &str) -> String {
        let pushed = self.ledger().pushed;
        pushed.map_or_else(|| base.to_owned(), |pushed| format!("{base}^{pushed}\n"))
    }

    /// Keeps what a worker hands over; `own` is one of the executor's user.
    pub(super) async fn keep(&self, name: &str, what: &str, raw: &Raw, own: bool) -> Result<(), GitFailure> {
        let folder = self.0.places.kept();
        fs::create_dir_all(&folder).await.map_err(system)?;
        let part = folder.join(format!("{name}.part"));
        let mut file = fs::File::create(&part).await.map_err(system)?;
        let mut worker = self.raw_worker(own);
        self.copy(&mut worker, raw, &mut file).await?;
        file.flush().await.map_err(system)?;
        fs::rename(&part, folder.join(name)).await.map_err(system)?;
        self.change(|ledger| drop(ledger.artifacts.insert(name.to_owned(), what.to_owned())))
    }

    /// Lets go of something that is out of date.
    pub(super) async fn forget(&self, name: &str) {
        if self.ledger().artifacts.contains_key(name) {
            // Without its line in the ledger nobody is shown the file.
            let _ = self.change(|ledger| drop(ledger.artifacts.remove(name)));
            let _ = fs::remove_file(self.0.places.kept().join(name)).await;
        }
    }

    pub(super) fn raw_worker(&self, own: bool) -> Command {
        if own { self.0.account.own_worker(RAW) } else { self.0.account.git_worker(RAW) }
    }

    /// Copies what a worker hands over to its end.
    pub(super) async fn copy(
        &self,
        worker: &mut Command,
        raw: &Raw,
        to: &mut (impl tokio::io::AsyncWrite + Unpin + Send),
    ) -> Result<(), GitFailure> {
        let mut child = worker.stderr(Stdio::piped()).spawn().map_err(system)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(mut stdin), Some(mut stdout)) = (stdin, stdout) else {
            return Err(failed("the git worker has no output".to_owned()));
        };
        stdin.write_all(&serde_json::to_vec(raw).unwrap_or_default()).await.map_err(system)?;
        drop(stdin);
        tokio::io::copy(&mut stdout, to).await.map_err(system)?;
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            let _ = stderr.take(4096).read_to_string(&mut said).await;
        }
        match child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(failed(format!("git failed: {}", said.trim()))),
            Err(error) => Err(system(error)),
        }
    }
}

/// What is said of each.
const ABOUT_ELSEWHERE: &str = "Commits that are not on the run's branch, for a clone of the repository.";
const ABOUT_BRANCH: &str = "Commits of the run's branch that were not pushed, for a clone of the repository.";
pub(super) const ABOUT_LEFT_OUT: &str =
    "Files that were left out of the commits, with their paths in the repository.";
pub(super) const ABOUT_WORKSPACE: &str = "All files of the workspace: its repository could not be read. Unpack it over a checkout of the base commit.";

pub(super) fn system(error: std::io::Error) -> GitFailure {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            GitFailure { code: GitFailureCode::DiskFull, message: "the container's disk is full".to_owned() }
        }
        _ => failed(format!("the git worker could not run: {error}")),
    }
}
