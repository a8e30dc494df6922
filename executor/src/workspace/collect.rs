//! Takes the work out of the workspace. The agent's repository and files are input that may be broken, odd or
//! hostile; what comes out is commits in a stage, which the executor then takes into a repository of its own.

mod combine;
mod elsewhere;
mod files;
mod half_done;
mod inner;
mod links;
mod outgoing;
mod raw;
mod settle;
mod snapshot;
mod stage;
mod theirs;
mod unwanted;

use std::path::{Path, PathBuf};

use api::{
    executor::{CommitResult, Elsewhere, GitFailure, Objection},
    run::NotCommitted,
};

pub(crate) use inner::{InnerBundle, slug};
pub(super) use raw::write as write_raw;
pub(super) use settle::{make_repository, settle};

use self::{
    combine::Combined,
    elsewhere::Search,
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

/// What is known of the agent's repository in relation to what was pushed.
enum Footing {
    /// The agent's newest commit and what was pushed have a common past.
    Related(String),
    /// The agent is on a line of its own, and the run's line is still there.
    Apart(Option<String>),
    /// The repository is gone, broken or another one: only files can be compared.
    Files,
}

impl<'a> Collecting<'a> {
    fn begin(asked: &'a Collect, report: &'a Report) -> Result<Self, GitFailure> {
        let theirs = Theirs::of(&asked.workspace);
        let vault = Theirs::bare(&asked.vault);
        let mut objects = vec![asked.vault.join("objects")];
        objects.extend(theirs.as_ref().map(Theirs::objects));
        let places = [asked.home.as_path(), Path::new("/var/tmp"), Path::new("/tmp")];
        let stage = Stage::create(&places, &asked.workspace, &objects)?.beside(&asked.workspace, "index");
        let histories: Vec<&Path> = std::iter::once(asked.vault.as_path())
            .chain(theirs.as_ref().map(|theirs| theirs.common.as_path()))
            .collect();
        stage.end_history_at(&histories)?;
        let lines = |from: &str| -> Vec<u8> {
            let ids = vault.refs.iter().filter(|(name, _)| name.starts_with(from)).map(|(_, id)| id);
            ids.flat_map(|id| format!("^{id}\n").into_bytes()).collect()
        };
        let remote = [lines("refs/remotes/"), lines("refs/tags/")].concat();
        let start = format!("^{}\n^{}\n", asked.base, asked.pushed).into_bytes();
        let have = [lines("refs/"), start.clone()].concat();
        let out = [remote.clone(), lines("refs/caisson/"), start].concat();
        let head = theirs.as_ref().and_then(Theirs::head_commit);
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
        let submodules = links::settle(&self.stage, &self.asked.pushed, readable)?;
        let nothing = Hidden::default();
        let hidden = progress.as_ref().map_or(&nothing, |progress| &progress.hidden);
        let exclude = self.theirs.as_ref().map(|theirs| theirs.common.join("info/exclude"));
        let made = snapshot::make(&self.stage, &Basis { hidden, exclude }, self.report)?;
        Ok(Looked { footing, parent, progress, submodules, made })
    }

    fn collect(&mut self) -> Result<Collected, GitFailure> {
        let Looked { footing, parent, progress, submodules, made } = self.look()?;
        let own = self.commit_files(&footing, &parent, &made, progress.as_ref())?;
        let head = self.choose(&footing, &own, progress.as_ref())?;
        let places = self.look_elsewhere(&own, head.as_deref())?;
        let (inside, bundles) = self.look_inside(&made, &submodules)?;
        let seen = self.seen();
        let mut tips: Vec<String> = places.iter().map(|place| place.commit.clone()).collect();
        tips.extend(head.iter().chain(&seen).cloned());
        // What is objected to may still end up on the branch: then it is not elsewhere.
        if self.result.objections.is_empty() {
            self.result.elsewhere = [places.clone(), inside].concat();
        }
        let (left_out, not_committed) = keepable(made.left_out, made.not_committed);
        self.result.not_committed = not_committed;
        self.result.head = head;
        let replace = matches!(footing, Footing::Files);
        let hidden = progress.filter(|_| !replace).map(|progress| progress.hidden.paths);
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
            hidden: hidden.into_iter().flatten().collect(),
        })
    }

    fn footing(&mut self) -> Footing {
        let pushed = &self.asked.pushed;
        let Some(theirs) = &self.theirs else {
            self.result
                .notices
                .push("The workspace has no repository any more; its files were compared.".to_owned());
            return Footing::Files;
        };
        let branches = theirs.refs.iter().filter(|(name, _)| name.starts_with("refs/heads/"));
        let has_line = branches.map(|(_, id)| id).any(|id| {
            self.stage.whole_commit(id, &self.have).is_some_and(|id| self.stage.is_ancestor(pushed, &id))
        });
        match &self.head {
            Some(head) if self.stage.are_related(head, pushed) => Footing::Related(head.clone()),
            Some(head) if has_line => Footing::Apart(Some(head.clone())),
            None if has_line
                && matches!(&theirs.head, Head::Branch(name) if !theirs.refs.contains_key(name)) =>
            {
                Footing::Apart(None)
            }
            _ => {
                let text = "The workspace's repository is damaged or another one; its files were compared.";
                self.result.notices.push(text.to_owned());
                Footing::Files
            }
        }
    }

    /// Commits what is in no commit. The newest commit of the agent's line.
    fn commit_files(
        &mut self,
        footing: &Footing,
        parent: &str,
        made: &Snapshot,
        progress: Option<&Progress>,
    ) -> Result<String, GitFailure> {
        let merging = progress.map(|progress| progress.merging.as_slice()).unwrap_or_default();
        let merging: Vec<String> =
            merging.iter().filter_map(|id| self.stage.whole_commit(id, &self.have)).collect();
        let is_merge = matches!(footing, Footing::Related(_)) && !merging.is_empty();
        if made.tree == self.stage.tree_of(parent)? && !is_merge {
            return Ok(parent.to_owned());
        }
        let mut parents = vec![parent];
        match footing {
            Footing::Apart(None) => parents.clear(),
            _ if is_merge => parents.extend(merging.iter().map(String::as_str)),
            _ => {}
        }
        let commit = self.stage.commit(&made.tree, &parents, &self.asked.message, self.author)?;
        self.result.commit = Some(commit.clone());
        Ok(commit)
    }

    /// Decides what becomes the head of the run's work; `None` while something is objected to.
    fn choose(
        &mut self,
        footing: &Footing,
        own: &str,
        progress: Option<&Progress>,
    ) -> Result<Option<String>, GitFailure> {
        let pushed = self.asked.pushed.clone();
        if self.asked.rescue {
            return self.choose_for_rescue(footing, &pushed);
        }
        let half_done = progress.and_then(Progress::objection);
        self.result.objections.extend(half_done.filter(|_| !matches!(footing, Footing::Files)));
        let head = match footing {
            Footing::Apart(_) => pushed.clone(),
            // The agent has looked at another branch of the remote, and did nothing there.
            _ if !self.stage.is_ancestor(&pushed, own)
                && self.stage.count(own, &self.remote).is_ok_and(|commits| commits == 0) =>
            {
                pushed.clone()
            }
            Footing::Related(_) | Footing::Files => {
                match combine::combine(&self.stage, &pushed, own, self.author)? {
                    Combined::Theirs => own.to_owned(),
                    Combined::Pushed => pushed.clone(),
                    Combined::Merged(commit) => commit,
                    Combined::Diverged(objection) => {
                        self.result.objections.push(objection);
                        pushed.clone()
                    }
                }
            }
        };
        if self.result.objections.is_empty() {
            let found: [Option<Objection>; 2] = [
                half_done::markers(&self.stage, &pushed, &head)?,
                outgoing::objection(&self.stage, &self.asked.base, &head, &self.have)?,
            ];
            self.result.objections.extend(found.into_iter().flatten());
        }
        if self.result.objections.is_empty() {
            return Ok(Some(head));
        }
        self.result.commit = None;
        Ok(None)
    }

    /// A run that did not finish: its own commits go out where they may, nothing is merged and nothing asked.
    fn choose_for_rescue(&mut self, footing: &Footing, pushed: &str) -> Result<Option<String>, GitFailure> {
        self.result.commit = None;
        let Footing::Related(head) = footing else { return Ok(Some(pushed.to_owned())) };
        let fine = matches!(combine::combine(&self.stage, pushed, head, self.author)?, Combined::Theirs)
            && half_done::markers(&self.stage, pushed, head)?.is_none()
            && outgoing::objection(&self.stage, &self.asked.base, head, &self.have)?.is_none();
        Ok(Some(if fine { head.clone() } else { pushed.to_owned() }))
    }

    /// What the agent itself has pushed to the run's branch: known here, it may be replaced from here.
    fn seen(&self) -> Option<String> {
        let name = format!("refs/remotes/origin/{}", self.asked.branch.as_ref()?);
        self.stage.whole_commit(self.theirs.as_ref()?.refs.get(&name)?, &self.have)
    }

    /// What this repository has beside the run's line.
    fn look_elsewhere(&mut self, own: &str, head: Option<&str>) -> Result<Vec<Elsewhere>, GitFailure> {
        // Not what was found elsewhere before: it still is.
        let mut known = self.out.clone();
        known.extend(head.map(|head| format!("^{head}\n")).unwrap_or_default().into_bytes());
        let mut search = Search {
            stage: &self.stage,
            author: self.author,
            report: self.report,
            known,
            found: Vec::new(),
            notices: Vec::new(),
        };
        search.note("the workspace", own);
        if let Some(head) = &self.head {
            search.note("HEAD", head);
        }
        if let Some(theirs) = &self.theirs {
            search.repository(theirs)?;
        }
        self.result.notices.extend(search.notices);
        Ok(search.found)
    }

    /// What repositories inside this one have.
    fn look_inside(
        &mut self,
        made: &Snapshot,
        submodules: &[links::Submodule],
    ) -> Result<(Vec<Elsewhere>, Vec<InnerBundle>), GitFailure> {
        let (mut found, mut bundles) = (Vec::new(), Vec::new());
        for submodule in submodules {
            let inner = inner::of_submodule(&self.stage, submodule, self.author, self.report)?;
            if let Some(inner) = inner {
                found.extend(inner.elsewhere);
                bundles.push(inner.bundle);
            }
        }
        for path in &made.nested {
            let shown = path.display();
            let mut text = format!("{shown}/ has a repository inside; its files were added like any others.");
            if let Some(inner) = inner::of_nested(&self.stage, path, self.author, self.report)? {
                text = format!("{text} Its history is in {}.", inner.bundle.name);
                bundles.push(inner.bundle);
            }
            self.result.notices.push(text);
        }
        Ok((found, bundles))
    }
}

/// Splits off what can be kept, and says in each sentence whether it is.
fn keepable(
    left_out: Vec<PathBuf>,
    mut not_committed: Vec<NotCommitted>,
) -> (Vec<PathBuf>, Vec<NotCommitted>) {
    let mut room = raw::MOST_KEPT;
    let mut kept = Vec::new();
    for path in left_out {
        let name = path.to_string_lossy();
        let known = not_committed.iter_mut().find(|known| known.path.trim_end_matches('/') == name);
        let Some(known) = known else { continue };
        if known.bytes <= room {
            room -= known.bytes;
            known.why.push_str("; left-out.tar.gz has it");
            kept.push(path);
        } else {
            known.why.push_str("; it is too large to be kept");
        }
    }
    (kept, not_committed)
}
