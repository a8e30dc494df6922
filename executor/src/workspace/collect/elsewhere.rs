//! Work in the agent's repository that is not on the run's branch: other branches, stashes, linked worktrees,
//! tags, commits that no branch has.

use std::path::Path;

use api::executor::{Elsewhere, GitFailure};

use super::{
    half_done,
    snapshot::{self, Basis, LeftOut},
    stage::{Author, Stage},
    strays,
    theirs::{Linked, Theirs},
};
use crate::workspace::report::Report;

/// How many places are named and kept.
const MOST: usize = 2_000;

/// Ends the name of a place whose files were in no commit.
pub(super) const UNCOMMITTED: &str = ", uncommitted";
/// Where commits are that no reference has.
const NO_BRANCH: &str = "no branch";

/// A reference in words.
pub(super) fn place_of(name: &str) -> String {
    match (name.strip_prefix("refs/heads/"), name.strip_prefix("refs/tags/")) {
        (Some(branch), _) => format!("branch {branch}"),
        (_, Some(tag)) => format!("tag {tag}"),
        _ => name.to_owned(),
    }
}

/// Finds it, place by place.
pub(super) struct Search<'a> {
    pub(super) stage: &'a Stage,
    pub(super) author: Author<'a>,
    pub(super) report: &'a Report,
    /// What is not elsewhere: lines of ids, each with `^`.
    pub(super) known: Vec<u8>,
    /// What files are compared with where nothing tells.
    pub(super) base: Option<String>,
    pub(super) found: Vec<Elsewhere>,
    /// What is in none of the commits, below the folder that the search is for.
    pub(super) left_out: LeftOut,
    pub(super) root: &'a Path,
    pub(super) notices: Vec<String>,
    /// Whether there were more places than are kept.
    pub(super) is_full: bool,
}

impl Search<'_> {
    /// Looks through a whole repository.
    pub(super) fn repository(&mut self, theirs: &Theirs) -> Result<(), GitFailure> {
        for (name, id) in &theirs.refs {
            if !name.starts_with("refs/remotes/") && name != "refs/stash" {
                self.note(&place_of(name), id);
            }
        }
        for (at, id) in theirs.stashes().iter().enumerate() {
            self.note(&format!("stash@{{{at}}}"), id);
        }
        for linked in theirs.linked() {
            self.worktree(&linked)?;
        }
        // The newest first: it has those before it.
        for id in theirs.left_behind().iter().rev() {
            self.note(NO_BRANCH, id);
        }
        Ok(())
    }

    /// Looks through all commits of a repository whose references or logs are damaged: `ours` has no work.
    pub(super) fn strays(&mut self, theirs: &Theirs, ours: &Path) -> Result<(), GitFailure> {
        for id in strays::find(&self.stage.folder, &theirs.objects(), &ours.join("objects"))? {
            self.note(NO_BRANCH, &id);
        }
        Ok(())
    }

    /// Notes a commit, unless it is known.
    pub(super) fn note(&mut self, place: &str, id: &str) {
        self.report.alive();
        if self.found.iter().any(|known| known.commit == id) {
            return;
        }
        if MOST <= self.found.len() {
            let is_first = !std::mem::replace(&mut self.is_full, true);
            self.notices
                .extend(is_first.then(|| format!("Work in more than {MOST} places: {place} is not kept.")));
            return;
        }
        let Some(commit) = self.stage.whole_commit(id, &self.known) else {
            if place != NO_BRANCH {
                let text =
                    format!("The work at {place} cannot be read: objects of it are missing or damaged.");
                self.notices.push(text);
            }
            return;
        };
        // What cannot be counted is kept all the same.
        let commits = self.stage.count(&commit, &self.known).unwrap_or(1);
        if 0 < commits {
            self.known.extend(format!("^{commit}\n").into_bytes());
            self.found.push(Elsewhere { place: place.to_owned(), commit, commits });
        }
    }

    /// A linked worktree: its commit, and the files that are in none.
    pub(super) fn worktree(&mut self, linked: &Linked) -> Result<(), GitFailure> {
        let place = format!("the worktree {}", linked.folder.display());
        let head = linked.theirs.head_commit().and_then(|head| {
            let whole = self.stage.whole_commit(head, &self.known);
            if whole.is_none() {
                self.note(&place, head);
            }
            whole
        });
        // Files beside a damaged head are compared with what is known.
        let Some(head) = head.or_else(|| self.base.clone()) else { return Ok(()) };
        if linked.folder.is_dir() {
            let stage = self.stage.beside(&linked.folder, &format!("index-{}", self.found.len()));
            let progress = half_done::read(&stage, &linked.theirs);
            let basis = Basis { hidden: &progress.hidden, added: &progress.added, lost: &[], exclude: None };
            stage.git.read(["read-tree", &head])?;
            let made = snapshot::make(&stage, &basis, self.report)?;
            self.left_out.extend(made.left_out, &linked.folder, self.root);
            if made.tree != stage.tree_of(&head)? {
                let message = format!("Uncommitted work in {place}");
                let commit = stage.commit_found(&made.tree, &head, &message, self.author)?;
                self.note(&format!("{place}{UNCOMMITTED}"), &commit);
            }
        }
        self.note(&place, &head);
        Ok(())
    }
}
