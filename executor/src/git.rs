//! Git, done by a worker process as the agent's uid: a hang can be killed, a hostile repository meets no
//! privilege. This side starts the worker, watches that it gets on, and reads its answer.

mod address;
mod kept;
mod ledger;
mod lend;
mod message;
mod take;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::executor::{CloneLine, Diff, DiffResult, GitClone, GitFailure, GitFailureCode, Push, PushResult};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::Child,
    sync::{
        RwLock,
        mpsc::{self, error::TrySendError},
    },
};

use crate::{Config, account::Account, execution::keep_tail, identity::Author, tasks::Tasks};

pub(crate) use address::{relay_url, resolve, same, spellings};
pub(crate) use kept::{BRANCH, ELSEWHERE};
use ledger::{Ledger, Places};
pub(crate) use message::{Answer, Collect, Collected, Fetched, Raw, Request, Settle};

/// The worker's name.
const WORKER: &str = "git";
/// How often a diff is tried.
const DIFF_TRIES: u32 = 3;
/// How much a clone may have to say to people.
const NOTICES: usize = 20;
/// Nothing that needs no network takes this long.
const LOCAL_STALL: Duration = Duration::from_secs(600);

/// Starts workers; one that changes the workspace is alone.
#[derive(Clone)]
pub(crate) struct Git(Arc<Inner>);

struct Inner {
    account: Account,
    workspace: PathBuf,
    home: PathBuf,
    relay: SocketAddr,
    clone_stall: Duration,
    tasks: Tasks,
    places: Places,
    /// What has become of the work.
    ledger: Mutex<Ledger>,
    /// Held by what changes the workspace alone, by what only reads it together.
    turn: RwLock<()>,
    /// Held while checks run: no work may be taken out then, and none begin.
    judging: Arc<tokio::sync::Mutex<()>>,
}

impl Git {
    /// Git in the workspace, with the relay as the way out.
    pub(crate) fn new(config: &Config, account: Account, relay: SocketAddr, tasks: Tasks) -> Self {
        let places = Places::of(&config.spool);
        Self(Arc::new(Inner {
            ledger: Mutex::new(places.read()),
            places,
            account,
            workspace: config.workspace.clone(),
            home: config.agent_home.clone(),
            relay,
            clone_stall: Duration::from_secs(config.clone_stall_seconds),
            tasks,
            turn: RwLock::new(()),
            judging: Arc::default(),
        }))
    }

    /// What has become of the work so far.
    fn ledger(&self) -> Ledger {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes something, on disk first.
    fn change(&self, change: impl FnOnce(&mut Ledger)) -> Result<(), GitFailure> {
        let mut ledger = self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = ledger.clone();
        change(&mut changed);
        self.0.places.write(&changed).map_err(kept::system)?;
        *ledger = changed;
        Ok(())
    }

    /// Clones; goes on when nobody listens, so that the next call finds it done.
    pub(crate) fn clone_repository(&self, clone: GitClone) -> mpsc::Receiver<CloneLine> {
        let (lines, receiver) = mpsc::channel(128);
        let git = self.clone();
        self.0.tasks.spawn("git clone", async move {
            let _turn = git.0.turn.write().await;
            let last = match git.clone_now(clone, &lines).await {
                Ok(ledger) => CloneLine::Done {
                    commit: ledger.base,
                    branch: ledger.branch.unwrap_or_else(|| "HEAD".to_owned()),
                },
                Err(failure) => CloneLine::Failed(failure),
            };
            // The listener may be gone.
            let _ = lines.send(last).await;
        });
        receiver
    }

    async fn clone_now(
        &self,
        clone: GitClone,
        lines: &mpsc::Sender<CloneLine>,
    ) -> Result<Ledger, GitFailure> {
        let ledger = self.ledger();
        if ledger.repository.as_ref() == Some(&clone.repository_url) {
            return Ok(ledger);
        }
        if ledger.is_cloning {
            self.clear().await?;
        }
        let (vault, relay) = (self.0.places.vault(), self.0.relay);
        let fetch = Request::Fetch { vault, clone: clone.clone(), relay };
        let fetched = match self.telling(&fetch, lines).await? {
            Answer::Fetched(fetched) => fetched,
            answer => return Err(unexpected(&answer)),
        };
        let is_shallow = clone.depth.is_some_and(|depth| 0 < depth);
        let ledger = Ledger {
            base: fetched.commit.clone(),
            branch: clone.work_branch.clone().or_else(|| fetched.branch.clone()),
            only: fetched.branch.clone().filter(|_| is_shallow),
            fetched: fetched.branch.clone(),
            ..Ledger::default()
        };
        let settle = Settle {
            head: Some(fetched.commit.clone()),
            branch: ledger.branch.clone(),
            only: ledger.only.clone(),
            fetched: ledger.fetched.clone(),
            repository: clone.repository_url.clone(),
            ..self.settle(&PathBuf::new())
        };
        self.change(|noted| *noted = Ledger { is_cloning: true, ..ledger.clone() })?;
        let checkout = Request::Checkout { clone: clone.clone(), fetched, settle };
        match self.telling(&checkout, lines).await {
            Ok(Answer::Done) => {}
            Ok(Answer::Occupied) => {
                // Somebody's files, which no later clone may clear away.
                self.change(|noted| *noted = Ledger::default())?;
                let text = "the workspace is not empty and holds no clone of this repository";
                return Err(failed(text.to_owned()));
            }
            Ok(answer) => return Err(unexpected(&answer)),
            Err(failure) => {
                self.clear().await?;
                return Err(failure);
            }
        }
        self.change(|noted| *noted = Ledger { repository: Some(clone.repository_url), ..ledger })?;
        Ok(self.ledger())
    }

    /// Empties the workspace after a clone that was not finished.
    async fn clear(&self) -> Result<(), GitFailure> {
        let clear = Request::Clear { workspace: self.0.workspace.clone() };
        self.work(&clear, LOCAL_STALL, |_| {}).await?;
        self.change(|noted| *noted = Ledger::default())
    }

    /// Runs a worker of the clone, and passes on what it says meanwhile.
    async fn telling(
        &self,
        request: &Request,
        lines: &mpsc::Sender<CloneLine>,
    ) -> Result<Answer, GitFailure> {
        let (mut notices, mut told) = (Vec::new(), 0);
        let done = self.work(request, self.0.clone_stall, |line| match line {
            CloneLine::Notice { .. } if told == NOTICES => {}
            CloneLine::Notice { .. } => {
                told += 1;
                // At once where there is room, and never lost.
                notices.extend(lines.try_send(line).err().map(TrySendError::into_inner));
            }
            // A listener that does not keep up misses some of it.
            line => drop(lines.try_send(line)),
        });
        let done = done.await?;
        for notice in notices {
            // The listener may be gone.
            let _ = lines.send(notice).await;
        }
        Ok(done)
    }

    /// What a worker is told that brings the workspace's repository up to date.
    fn settle(&self, stage: &std::path::Path) -> Settle {
        let ledger = self.ledger();
        Settle {
            workspace: self.0.workspace.clone(),
            vault: self.0.places.vault(),
            stage: stage.to_owned(),
            head: None,
            own: String::new(),
            is_clean: true,
            replace: false,
            hidden: Vec::new(),
            branch: ledger.branch,
            repository: ledger.repository.unwrap_or_default(),
            relay: self.0.relay,
            only: ledger.only,
            fetched: ledger.fetched,
        }
    }

    /// Compares the files with a commit, also while the agent works: then a file may change while it is read,
    /// and at the agent's end all processes of its account are killed. So it is tried again.
    pub(crate) async fn diff(&self, diff: Diff) -> Result<DiffResult, GitFailure> {
        let mut tries = DIFF_TRIES;
        loop {
            if self.ledger().repository.is_none() {
                return Err(failed("there is no clone to compare".to_owned()));
            }
            let nobody = Author { name: "Caisson".to_owned(), email: "caisson@localhost".to_owned() };
            let collect = self.collect(String::new(), nobody, true);
            let request = Request::Diff { collect, diff: diff.clone() };
            tries -= 1;
            match self.detached(request, LOCAL_STALL).await {
                Ok(Answer::Compared(result)) => return Ok(result),
                Ok(answer) => return Err(unexpected(&answer)),
                Err(failure) if tries == 0 || failure.code != GitFailureCode::Other => return Err(failure),
                Err(failure) => tracing::debug!(failure.message, "a diff is made again"),
            }
        }
    }

    /// Pushes what was taken out of the workspace, unless nothing was committed since the base.
    pub(crate) async fn push(&self, push: Push) -> Result<PushResult, GitFailure> {
        let stall = Duration::from_secs(push.stall_seconds.max(1));
        let ledger = self.ledger();
        let Some(repository) = ledger.repository else {
            return Err(failed("there is no clone to push from".to_owned()));
        };
        let head = ledger.head.unwrap_or(ledger.base);
        let (vault, relay) = (self.0.places.vault(), self.0.relay);
        let request = Request::Push { vault, head: head.clone(), push, relay, repository };
        match self.detached(request, stall).await? {
            Answer::Pushed(result) => {
                if 0 < result.commits {
                    self.change(|ledger| ledger.pushed = Some(head))?;
                }
                Ok(result)
            }
            answer => Err(unexpected(&answer)),
        }
    }

    /// Makes the agent's own commits carry this author.
    pub(crate) async fn identify(&self, author: Author) -> Result<(), GitFailure> {
        let Author { name, email } = author;
        let request = Request::Identify { home: self.0.home.clone(), name, email };
        match self.detached(request, LOCAL_STALL).await? {
            Answer::Done => Ok(()),
            answer => Err(unexpected(&answer)),
        }
    }

    /// Goes on when the caller is gone: half a push helps nobody.
    async fn detached(&self, request: Request, stall: Duration) -> Result<Answer, GitFailure> {
        let git = self.clone();
        let work = self.0.tasks.spawn("git", async move {
            // A push that hangs must not keep anybody from seeing what has changed.
            let _turns = if request.only_reads() {
                (Some(git.0.turn.read().await), None)
            } else {
                (None, Some(git.0.turn.write().await))
            };
            git.work(&request, stall, |_| {}).await
        });
        work.await.unwrap_or_else(|error| Err(failed(format!("the git task failed: {error}"))))
    }

    /// Runs one worker to its answer; kills it when it says nothing for `stall`, or at the stop.
    async fn work(
        &self,
        request: &Request,
        stall: Duration,
        mut tell: impl FnMut(CloneLine) + Send,
    ) -> Result<Answer, GitFailure> {
        let system = |error: std::io::Error| failed(format!("the git worker could not run: {error}"));
        let mut child = self.start(request).await.map_err(system)?;
        let mut lines = match child.stdout.take() {
            Some(stdout) => BufReader::new(stdout).lines(),
            None => return Err(failed("the git worker has no output".to_owned())),
        };
        loop {
            let line = tokio::select! {
                line = tokio::time::timeout(stall, lines.next_line()) => line,
                () = self.0.tasks.stop().cancelled() => return Err(failed("the executor is stopping".to_owned())),
            };
            // Returning drops the worker, which kills it.
            let line = line.map_err(|_| GitFailure {
                code: GitFailureCode::Network,
                message: format!("no progress for {} seconds; given up", stall.as_secs()),
            })?;
            let Some(line) = line.map_err(system)? else { return Err(died(child).await) };
            match serde_json::from_str(&line) {
                Ok(Answer::Progress { phase, percent }) => tell(CloneLine::Progress { phase, percent }),
                Ok(Answer::Notice(text)) => tell(CloneLine::Notice { text }),
                Ok(Answer::Alive) => {}
                Ok(Answer::Failed(failure)) => return Err(failure),
                Ok(answer) => return Ok(answer),
                Err(error) => return Err(failed(format!("the git worker said something else: {error}"))),
            }
        }
    }

    async fn start(&self, request: &Request) -> std::io::Result<Child> {
        let account = &self.0.account;
        let mut worker =
            if request.is_own() { account.own_worker(WORKER) } else { account.git_worker(WORKER) };
        let mut child = worker.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(&serde_json::to_vec(request)?).await?;
        }
        Ok(child)
    }
}

/// A worker ended without an answer. Why, is for the log: people can do nothing with it.
async fn died(mut child: Child) -> GitFailure {
    let mut stderr = String::new();
    if let Some(pipe) = child.stderr.take() {
        let _ = pipe.take(64 << 10).read_to_string(&mut stderr).await;
    }
    keep_tail(&mut stderr, 1000);
    let status = child.wait().await.map(|status| status.to_string());
    tracing::error!(?status, stderr = stderr.trim(), "the git worker ended without an answer");
    failed(
        "git stopped without a result, through a fault of Caisson: the container's log has the reason"
            .to_owned(),
    )
}

pub(crate) const fn failed(message: String) -> GitFailure {
    GitFailure { code: GitFailureCode::Other, message }
}

fn unexpected(answer: &Answer) -> GitFailure {
    failed(format!("the git worker answered something else: {answer:?}"))
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[tokio::test]
    async fn what_a_worker_says_in_its_last_moment_is_for_the_log() {
        let mut worker = tokio::process::Command::new("sh");
        worker.args(["-c", "echo 'thread main panicked at src/x.rs:1:2' >&2; exit 101"]);
        let child = worker.stderr(Stdio::piped()).spawn().unwrap();
        let told = died(child).await.message;
        assert!(told.starts_with("git stopped without a result"), "{told}");
        assert!(!told.contains("panicked") && !told.contains("101"), "{told}");
    }
}
