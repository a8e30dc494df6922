//! Takes the work out of the workspace: a worker of the agent's user puts commits together in a stage, the executor
//! takes them into its own repository, and the workspace goes on from there.

use std::process::Stdio;

use api::executor::{Commit, CommitResult, Elsewhere, GitFailure, GitFailureCode, Objection, ObjectionKind};
use tokio::io::AsyncWriteExt;

use super::{
    Answer, Collect, Collected, Git, LOCAL_STALL, Raw, Request, Settle, failed,
    kept::{ABOUT_LEFT_OUT, ABOUT_WORKSPACE, LEFT_OUT, WORKSPACE, system},
    unexpected,
};
use crate::{identity::Author, workspace::slug};

/// The worker that takes a pack.
const TAKE: &str = "git-take";

impl Git {
    /// Takes out everything. Goes on when the caller is gone.
    ///
    /// # Errors
    /// When nothing was cloned, or the disk is full. Whatever the agent made of its repository is no error.
    pub(crate) async fn commit(&self, commit: Commit, author: Author) -> Result<CommitResult, GitFailure> {
        let git = self.clone();
        let work = self.0.tasks.spawn("git", async move {
            let _judging = git.0.judging.lock().await;
            let _turn = git.0.turn.write().await;
            let ledger = git.ledger();
            if ledger.repository.is_none() {
                return Err(failed("there is no clone whose work could be committed".to_owned()));
            }
            let mut taken = git.take(&commit, &author, false).await;
            if let Err(failure) = &taken
                && failure.code != GitFailureCode::DiskFull
            {
                tracing::warn!(failure.message, "the work is taken out without the agent's objects");
                taken = git.take(&commit, &author, true).await;
            }
            match taken {
                Err(failure) if failure.code != GitFailureCode::DiskFull => git.keep_workspace(failure).await,
                taken => taken,
            }
        });
        work.await.unwrap_or_else(|error| Err(failed(format!("the git task failed: {error}"))))
    }

    /// With `distrust` the agent's repository gives nothing to the run's line: something of it is damaged.
    async fn take(
        &self,
        commit: &Commit,
        author: &Author,
        distrust: bool,
    ) -> Result<CommitResult, GitFailure> {
        let ledger = self.ledger();
        let collect = self.collect(commit.message.clone(), author.clone(), commit.rescue);
        let collect = Collect { distrust, ..collect };
        let mut collected = match self.work(&Request::Collect(collect), LOCAL_STALL, |_| {}).await? {
            Answer::Collected(collected) => *collected,
            answer => return Err(unexpected(&answer)),
        };
        let taken = self.take_over(&mut collected).await;
        let mut result = collected.result.clone();
        let is_clean = result.commit.is_none();
        let head = result.head.clone().filter(|_| taken.is_ok() && !commit.rescue);
        // The stage goes in any case.
        let settle = Settle {
            head,
            own: collected.own.clone(),
            is_clean,
            replace: collected.replace,
            hidden: collected.hidden.clone(),
            ..self.settle(&collected.stage)
        };
        let settled = self.work(&Request::Settle(settle), LOCAL_STALL, |_| {}).await;
        taken?;
        if let Err(failure) = settled {
            result.notices.push(format!(
                "The workspace's repository could not be brought up to date: {}.",
                failure.message
            ));
        }
        if result.head.is_none() {
            result.head = Some(ledger.head.unwrap_or(ledger.base));
        }
        Ok(result)
    }

    /// What a worker is told that looks at the workspace.
    pub(super) fn collect(&self, message: String, author: Author, rescue: bool) -> Collect {
        let ledger = self.ledger();
        let Author { name, email } = author;
        Collect {
            workspace: self.0.workspace.clone(),
            home: self.0.home.clone(),
            vault: self.0.places.vault(),
            pushed: ledger.pushed_or_base().to_owned(),
            base: ledger.base,
            head: ledger.head,
            elsewhere: ledger.elsewhere,
            branch: ledger.branch,
            message,
            name,
            email,
            rescue,
            distrust: false,
        }
    }

    /// Takes commits and what is kept beside them out of the stage.
    async fn take_over(&self, collected: &mut Collected) -> Result<(), GitFailure> {
        self.pack_all(collected).await?;
        let mut refs: Vec<_> = collected
            .elsewhere
            .iter()
            .enumerate()
            .map(|(at, one)| (format!("refs/elsewhere/{}-{}", at + 1, slug(&one.place)), one.commit.clone()))
            .collect();
        if let Some(head) = &collected.result.head {
            refs.push(("refs/branch/head".to_owned(), head.clone()));
        }
        if let Some(seen) = &collected.seen {
            refs.push(("refs/caisson/seen".to_owned(), seen.clone()));
        }
        let vault = self.0.places.vault();
        match self.work(&Request::Note { vault, refs, replace: true }, LOCAL_STALL, |_| {}).await? {
            Answer::Done => {}
            answer => return Err(unexpected(&answer)),
        }
        self.change(|ledger| {
            ledger.elsewhere.clone_from(&collected.elsewhere);
            ledger.head = collected.result.head.clone().or_else(|| ledger.head.take());
        })?;
        let mut notices = Vec::new();
        for bundle in &collected.bundles {
            let raw = Raw::Bundle {
                git_dir: bundle.stage.join("git"),
                refs: "refs/inner/*".to_owned(),
                without: bundle.without.clone(),
            };
            let what = format!("Commits that only the repository in {} has, for a clone of it.", bundle.path);
            let made = self.keep(&bundle.name, &what, &raw, false).await;
            notices.extend(unless_full(&bundle.name, made)?);
        }
        // All that an earlier call could not take out is in commits now.
        self.forget(WORKSPACE).await;
        if collected.left_out.is_empty() {
            self.forget(LEFT_OUT).await;
        } else {
            let raw = Raw::Archive { root: self.0.workspace.clone(), paths: collected.left_out.clone() };
            let made = self.keep(LEFT_OUT, ABOUT_LEFT_OUT, &raw, false).await;
            notices.extend(unless_full(LEFT_OUT, made)?);
        }
        collected.result.notices.extend(notices);
        Ok(())
    }

    /// Hands the commits over; work elsewhere that is damaged costs no other.
    async fn pack_all(&self, collected: &mut Collected) -> Result<(), GitFailure> {
        let tips = std::mem::take(&mut collected.tips);
        let all = self.pack(collected, &tips).await;
        if all.as_ref().err().is_none_or(|failure| failure.code == GitFailureCode::DiskFull) {
            return all;
        }
        for tip in &tips {
            let Err(failure) = self.pack(collected, std::slice::from_ref(tip)).await else { continue };
            if collected.result.head.as_ref() == Some(tip) || failure.code == GitFailureCode::DiskFull {
                return Err(failure);
            }
            let is_lost = |one: &Elsewhere| one.commit == *tip;
            for one in collected.elsewhere.iter().filter(|one| is_lost(one)) {
                let text = format!("The work at {} cannot be read: {}.", one.place, failure.message);
                collected.result.notices.push(text);
            }
            collected.elsewhere.retain(|one| !is_lost(one));
            collected.result.elsewhere.retain(|one| !is_lost(one));
            collected.seen.take_if(|seen| seen == tip);
        }
        Ok(())
    }

    /// Packed by the agent's user, unpacked by the executor's.
    async fn pack(&self, collected: &Collected, tips: &[String]) -> Result<(), GitFailure> {
        if tips.is_empty() {
            return Ok(());
        }
        let mut input = tips.join("\n");
        let ledger = self.ledger();
        input.push_str(&format!("\n^{}\n^{}\n", ledger.base, ledger.pushed_or_base()));
        let raw = Raw::Pack { stage: collected.stage.clone(), input };
        let mut taking = self.0.account.own_worker(TAKE).stdout(Stdio::null()).spawn().map_err(system)?;
        let Some(mut stdin) = taking.stdin.take() else {
            return Err(failed("the git worker has no input".to_owned()));
        };
        let mut line = serde_json::to_vec(&self.0.places.vault()).unwrap_or_default();
        line.push(b'\n');
        stdin.write_all(&line).await.map_err(system)?;
        let packed = self.copy(&mut self.raw_worker(false), &raw, &mut stdin).await;
        drop(stdin);
        let taken = taking.wait_with_output().await.map_err(system)?;
        packed?;
        if taken.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&taken.stderr);
        Err(failed(format!("the commits could not be taken over: {}", said.trim())))
    }

    /// The last resort: all files, as an archive.
    async fn keep_workspace(&self, failure: GitFailure) -> Result<CommitResult, GitFailure> {
        tracing::warn!(failure.message, "the work could not be committed; the files are kept as an archive");
        // All of them: the way to the workspace itself is empty.
        let raw = Raw::Archive { root: self.0.workspace.clone(), paths: vec![std::path::PathBuf::new()] };
        self.keep(WORKSPACE, ABOUT_WORKSPACE, &raw, false).await?;
        let ledger = self.ledger();
        let text = format!(
            "The workspace could not be read as commits ({}). Put its repository in order, or make a new clone in \
             its place.",
            failure.message
        );
        Ok(CommitResult {
            head: Some(ledger.head.unwrap_or(ledger.base)),
            objections: vec![Objection { kind: ObjectionKind::Unreadable, text }],
            ..CommitResult::default()
        })
    }
}

/// Reports an artifact that could not be made. Nothing else fails for it, unless the disk is full.
fn unless_full(name: &str, made: Result<(), GitFailure>) -> Result<Option<String>, GitFailure> {
    match made {
        Ok(()) => Ok(None),
        Err(failure) if failure.code == GitFailureCode::DiskFull => Err(failure),
        Err(failure) => Ok(Some(format!("{name} could not be made: {}.", failure.message))),
    }
}
