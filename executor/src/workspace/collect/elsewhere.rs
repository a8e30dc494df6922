//! Work in the agent's repository that is not on the run's branch: other branches, stashes, linked worktrees,
//! tags, commits that no branch has.

use api::executor::{Elsewhere, GitFailure};

use super::{
    half_done,
    snapshot::{self, Basis},
    stage::{Author, Stage},
    theirs::{Linked, Theirs},
};
use crate::workspace::report::Report;

/// How many places are named and kept.
const MOST: usize = 200;

/// Finds it, place by place.
pub(super) struct Search<'a> {
    pub(super) stage: &'a Stage,
    pub(super) author: Author<'a>,
    pub(super) report: &'a Report,
    /// What is not elsewhere: lines of ids, each with `^`.
    pub(super) known: Vec<u8>,
    pub(super) found: Vec<Elsewhere>,
    pub(super) notices: Vec<String>,
}

impl Search<'_> {
    /// Looks through a whole repository.
    pub(super) fn repository(&mut self, theirs: &Theirs) -> Result<(), GitFailure> {
        for (name, id) in &theirs.refs {
            let place = match name.strip_prefix("refs/") {
                Some(rest) if rest.starts_with("heads/") => format!("branch {}", &rest["heads/".len()..]),
                Some(rest) if rest.starts_with("tags/") => format!("tag {}", &rest["tags/".len()..]),
                Some(rest) if rest.starts_with("remotes/") || rest == "stash" => continue,
                _ => name.clone(),
            };
            self.note(&place, id);
        }
        for (at, id) in theirs.stashes().iter().enumerate() {
            self.note(&format!("stash@{{{at}}}"), id);
        }
        for linked in theirs.linked() {
            self.worktree(&linked)?;
        }
        // The newest first: it has those before it.
        for id in theirs.left_behind().iter().rev() {
            self.note("no branch", id);
        }
        Ok(())
    }

    /// Notes a commit, unless it is known.
    pub(super) fn note(&mut self, place: &str, id: &str) {
        self.report.alive();
        if MOST <= self.found.len() || self.found.iter().any(|known| known.commit == id) {
            return;
        }
        let Some(commit) = self.stage.whole_commit(id, &self.known) else {
            if place != "no branch" {
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
    fn worktree(&mut self, linked: &Linked) -> Result<(), GitFailure> {
        let place = format!("the worktree {}", linked.folder.display());
        let Some(head) = linked.theirs.head_commit() else { return Ok(()) };
        let Some(head) = self.stage.whole_commit(head, &self.known) else {
            return Ok(self.note(&place, head));
        };
        if linked.folder.is_dir() {
            let stage = self.stage.beside(&linked.folder, &format!("index-{}", self.found.len()));
            let progress = half_done::read(&stage, &linked.theirs);
            let basis = Basis { hidden: &progress.hidden, exclude: None };
            stage.git.read(["read-tree", &head])?;
            let made = snapshot::make(&stage, &basis, self.report)?;
            if made.tree != stage.tree_of(&head)? {
                let message = format!("Uncommitted work in {place}");
                let commit = stage.commit(&made.tree, &[&head], &message, self.author)?;
                self.note(&place, &commit);
            }
        }
        self.note(&place, &head);
        Ok(())
    }
}
