//! Takes the work out of the workspace. The agent's repository and files are input that may be broken, odd or
//! hostile; what comes out is commits in a stage, which the executor then takes into a repository of its own.

mod beside;
mod choose;
mod combine;
mod elsewhere;
mod files;
mod half_done;
mod inner;
mod links;
mod objects;
mod outgoing;
mod raw;
mod reftables;
mod repair;
mod settle;
mod snapshot;
mod stage;
mod strays;
mod theirs;
mod unwanted;
mod walk;

use std::{collections::BTreeSet, path::Path};

use api::executor::{CommitResult, GitFailure};

pub(crate) use inner::{InnerBundle, slug};
pub(super) use raw::write as write_raw;
pub(super) use settle::{give_back, lend, make_repository, settle};

use self::{
    beside::keepable,
    choose::Footing,
    half_done::Progress,
    snapshot::{Basis, Hidden, Snapshot},
    stage::{Author, Stage},
    theirs::{Head, Theirs},
};
use super::report::Report;
use crate::git::{Answer, Collect, Collected};

/// The name of the work while it is put together.
struct Collecting<'a> {
    asked: &'a Collect,
    report: &'a Report,
    author: Author<'a>,
    stage: Stage,
    /// What the executor's repository has: lines of ids, each with `^`.
    have: Vec<u8>,
    /// What of it the remote has, or is known to have been given, in the same form.
    out: Vec<u8>,
    /// What the remote had at the clone, in the same form.
    remote: Vec<u8>,
    theirs: Option<Theirs>,
    /// The agent's newest commit, if all of it can be read.
    head: Option<String>,
    result: CommitResult,
}

/// Collects.
pub(super) fn run(asked: &Collect, report: &Report) -> Result<Answer, GitFailure> {
    let mut collecting = Collecting::begin(asked, report)?;
    let collected = collecting.collect();
    if collected.is_err() {
        collecting.stage.remove();
    }
    collected.map(|collected| Answer::Collected(Box::new(collected)))
}

/// The files as a tree, and the commit they belong to, in a stage that goes when this is dropped.
pub(super) struct FilesNow {
    stage: Stage,
    pub(super) tree: String,
    pub(super) parent: String,
}

impl FilesNow {
    /// The repository that has the tree.
    pub(super) fn git_dir(&self) -> &Path {
        &self.stage.git.git_dir
    }
}

impl Drop for FilesNow {
    fn drop(&mut self) {
        self.stage.remove();
    }
}

/// Looks at the files only.
pub(super) fn files(asked: &Collect, report: &Report) -> Result<FilesNow, GitFailure> {
    let mut collecting = Collecting::begin(asked, report)?;
    let mut now = FilesNow { stage: collecting.stage.clone(), tree: String::new(), parent: String::new() };
    let looked = collecting.look()?;
    (now.tree, now.parent) = (looked.made.tree, looked.parent);
    Ok(now)
}

/// What a look at the workspace has shown.
struct Looked {
    footing: Footing,
    /// The commit that the files are compared with.
    parent: String,
    progress: Option<Progress>,
    submodules: Vec<links::Submodule>,
    made: Snapshot,
}

impl<'a> Collecting<'a> {
    fn begin(asked: &'a Collect, report: &'a Report) -> Result<Self, GitFailure> {
        let vault = Theirs::bare(&asked.vault);
        let places = [asked.home.as_path(), Path::new("/var/tmp"), Path::new("/tmp")];
        let stage = Stage::create(&places, &asked.workspace, &[asked.vault.join("objects")])?;
        let stage = stage.beside(&asked.workspace, "index");
        // The stage has opened the workspace.
        let theirs = Theirs::of(&asked.workspace);
        if let Some(theirs) = theirs.as_ref().filter(|_| !asked.distrust) {
            stage.borrow_objects(theirs)?;
        }
        let common = theirs.as_ref().map(|theirs| theirs.common.as_path());
        stage.end_history_at(Some(&asked.vault), common)?;
        let lines = |from: &str| -> Vec<u8> {
            let ids = vault.refs.iter().filter(|(name, _)| name.starts_with(from)).map(|(_, id)| id);
            ids.flat_map(|id| format!("^{id}\n").into_bytes()).collect()
        };
        let remote = [lines("refs/remotes/"), lines("refs/tags/")].concat();
        let start = format!("^{}\n^{}\n", asked.base, asked.pushed).into_bytes();
        let have = [lines("refs/"), start.clone()].concat();
        // Not what was to be pushed: the remote may have refused it.
        let out = [remote.clone(), lines("refs/caisson/seen"), start].concat();
        let runs = asked.branch.as_ref().map(|branch| format!("refs/heads/{branch}"));
        let head = theirs.as_ref().and_then(|theirs| match theirs.head {
            // The run's branch, where nothing says otherwise.
            Head::Unreadable => theirs.refs.get(runs.as_ref()?).map(String::as_str),
            _ => theirs.head_commit(),
        });
        let head = head.and_then(|head| stage.whole_commit(head, &have));
        Ok(Self {
            asked,
            report,
            author: Author { name: &asked.name, email: &asked.email },
            stage,
            have,
            out,
            remote,
            theirs,
            head,
            result: CommitResult::default(),
        })
    }

    fn look(&mut self) -> Result<Looked, GitFailure> {
        let progress = self.theirs.as_ref().map(|theirs| half_done::read(&self.stage, theirs));
        let footing = self.footing();
        let parent = match &footing {
            Footing::Related(head) | Footing::Apart(Some(head)) => head.clone(),
            Footing::Apart(None) | Footing::Files => self.asked.pushed.clone(),
        };
        let readable = progress.as_ref().filter(|_| !matches!(footing, Footing::Files));
        self.stage.git.read(["read-tree", parent.as_str()])?;
        let links::Submodules { all: submodules, lost } =
            links::settle(&self.stage, &self.asked.pushed, readable)?;
        let (nothing, none) = (Hidden::default(), BTreeSet::new());
        let hidden = progress.as_ref().map_or(&nothing, |progress| &progress.hidden);
        let added = progress.as_ref().map_or(&none, |progress| &progress.added);
        let exclude = self.theirs.as_ref().map(|theirs| theirs.common.join("info/exclude"));
        let made = snapshot::make(&self.stage, &Basis { hidden, added, lost: &lost, exclude }, self.report)?;
        Ok(Looked { footing, parent, progress, submodules, made })
    }

    fn collect(&mut self) -> Result<Collected, GitFailure> {
        let Looked { footing, parent, progress, submodules, mut made } = self.look()?;
        let own = self.commit_files(&footing, &parent, &made, progress.as_ref())?;
        let head = self.choose(&footing, &own, progress.as_ref())?;
        let replace = matches!(footing, Footing::Files);
        if let Some(theirs) = self.theirs.as_ref().filter(|_| self.asked.distrust) {
            // The run's line is whole without them; what else there is may still be read.
            self.stage.borrow_objects(theirs)?;
        }
        let places = self.look_elsewhere(&own, head.as_deref(), replace, &mut made)?;
        let places = self.with_earlier(places, head.as_deref());
        let (inside, bundles) = self.look_inside(&mut made, &submodules)?;
        let seen = self.seen();
        let mut tips: Vec<String> = places.iter().map(|place| place.commit.clone()).collect();
        tips.extend(head.iter().chain(&seen).cloned());
        // What is objected to may still end up on the branch: then it is not elsewhere.
        if self.result.objections.is_empty() {
            self.result.elsewhere = [places.clone(), inside].concat();
        }
        let (left_out, not_committed) = keepable(made.left_out);
        self.result.not_committed = not_committed;
        self.result.head = head;
        let mut hidden = made.hidden;
        // In a repository that stays, also those that only the agent's other commits have.
        hidden.extend(progress.filter(|_| !replace).into_iter().flat_map(|progress| progress.hidden.paths));
        Ok(Collected {
            stage: self.stage.folder.clone(),
            result: std::mem::take(&mut self.result),
            elsewhere: places,
            seen,
            tips,
            left_out,
            bundles,
            replace,
            own,
            hidden,
        })
    }
}
