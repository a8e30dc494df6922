//! What goes out beside the run's branch: work elsewhere, repositories inside, files that are left out.

use std::path::PathBuf;

use api::{
    executor::{Elsewhere, GitFailure},
    run::NotCommitted,
};

use super::{
    Collecting, combine,
    combine::Combined,
    elsewhere::{self, Search},
    inner::{Inner, InnerBundle, Looking, slug},
    links, raw,
    snapshot::{LeftOut, Snapshot},
    theirs::{Head, Linked, Theirs},
};
use crate::git::{BRANCH, ELSEWHERE};

/// Where files are that nothing took out yet: an objection or a rescue leaves them to the agent.
const WORKSPACE: &str = "the workspace";

impl Collecting<'_> {
    /// What this repository has beside the run's line.
    pub(super) fn look_elsewhere(
        &mut self,
        own: &str,
        head: Option<&str>,
        is_damaged: bool,
        made: &mut Snapshot,
    ) -> Result<Vec<Elsewhere>, GitFailure> {
        // Not what was found elsewhere before: it still is.
        let mut known = self.out.clone();
        known.extend(head.map(|head| format!("^{head}\n")).unwrap_or_default().into_bytes());
        let mut search = Search {
            stage: &self.stage,
            author: self.author,
            report: self.report,
            known,
            base: Some(self.asked.pushed.clone()),
            found: Vec::new(),
            left_out: LeftOut::default(),
            root: &self.asked.workspace,
            notices: Vec::new(),
            is_full: false,
        };
        search.note(&self.place_of_own(), own);
        if let Some(head) = &self.head {
            search.note("HEAD", head);
        }
        // An earlier call may have taken out what was never pushed, and what the agent has left since.
        let earlier = self.asked.head.as_deref();
        let is_left = |earlier: &&str| {
            let rewritten = |head| combine::combine(&self.stage, earlier, head, self.author);
            head.is_some_and(|head| !matches!(rewritten(head), Ok(Combined::Theirs)))
        };
        if let Some(earlier) = earlier.filter(is_left) {
            search.note("an earlier step", earlier);
        }
        if let Some(theirs) = &self.theirs {
            search.repository(theirs)?;
            let known: Vec<_> = theirs.linked().into_iter().map(|linked| linked.folder).collect();
            // Those that were moved without git's knowledge.
            for folder in made.linked.iter().map(|path| self.asked.workspace.join(path)) {
                let theirs = Theirs::of(&folder).filter(|_| !known.contains(&folder));
                if let Some(theirs) = theirs {
                    search.worktree(&Linked { folder, theirs })?;
                }
            }
            if is_damaged || theirs.has_no_logs() {
                search.strays(theirs, &self.asked.vault)?;
            }
        }
        made.left_out.extend(search.left_out, &self.asked.workspace, &self.asked.workspace);
        self.result.notices.extend(search.notices);
        Ok(search.found)
    }

    /// Where the newest commit of the agent's line is, when it is not on the run's.
    fn place_of_own(&self) -> String {
        let is_settled = self.result.objections.is_empty() && !self.asked.rescue;
        match self.theirs.as_ref().map(|theirs| &theirs.head) {
            Some(Head::Branch(name)) if is_settled => elsewhere::place_of(name),
            Some(Head::Detached(_)) if is_settled => "HEAD".to_owned(),
            _ => WORKSPACE.to_owned(),
        }
    }

    /// What was found elsewhere before stays, unless it is a part of something newer. The files of the workspace
    /// are looked at each time.
    pub(super) fn with_earlier(&self, mut places: Vec<Elsewhere>, head: Option<&str>) -> Vec<Elsewhere> {
        for earlier in self.asked.elsewhere.iter().filter(|earlier| earlier.place != WORKSPACE) {
            let is_newer = |place: &Elsewhere| {
                place.place == earlier.place && place.place.ends_with(elsewhere::UNCOMMITTED)
            };
            let newer = places.iter().map(|place| place.commit.as_str()).chain(head);
            if !places.iter().any(is_newer)
                && !newer.into_iter().any(|newer| self.stage.is_ancestor(&earlier.commit, newer))
            {
                places.push(earlier.clone());
            }
        }
        places
    }

    /// What repositories inside this one have.
    pub(super) fn look_inside(
        &mut self,
        made: &mut Snapshot,
        submodules: &[links::Submodule],
    ) -> Result<(Vec<Elsewhere>, Vec<InnerBundle>), GitFailure> {
        let looking =
            Looking { outer: &self.stage, base: &self.asked.base, author: self.author, report: self.report };
        let mut inside = Vec::new();
        let mut taken = [BRANCH, ELSEWHERE].map(str::to_owned).to_vec();
        for submodule in submodules {
            let mut inner = looking.submodule(submodule)?;
            set_apart(&mut inner, &mut taken);
            inside.push(inner);
        }
        for path in &made.nested {
            let mut inner = looking.nested(path)?;
            set_apart(&mut inner, &mut taken);
            let history = inner.bundle.as_ref().map(|bundle| format!(" Its history is in {}.", bundle.name));
            inner.notices.push(format!(
                "{}/ has a repository inside; its files were added like any others.{}",
                path.display(),
                history.unwrap_or_default()
            ));
            inside.push(inner);
        }
        let (mut found, mut bundles) = (Vec::new(), Vec::<InnerBundle>::new());
        for inner in inside {
            found.extend(inner.elsewhere);
            made.left_out.extend(inner.left_out, &self.asked.workspace, &self.asked.workspace);
            self.result.notices.extend(inner.notices);
            bundles.extend(inner.bundle);
        }
        Ok((found, bundles))
    }
}

/// Gives a bundle a name that no other has.
fn set_apart(inner: &mut Inner, taken: &mut Vec<String>) {
    let Some(bundle) = &mut inner.bundle else { return };
    let mut at = 1;
    while taken.contains(&bundle.name) {
        at += 1;
        bundle.name = format!("{}-{at}.bundle", slug(&bundle.path));
    }
    taken.push(bundle.name.clone());
}

/// Splits off what can be kept, and says in each sentence whether it is.
pub(super) fn keepable(left_out: LeftOut) -> (Vec<PathBuf>, Vec<NotCommitted>) {
    let LeftOut { mut not_committed, kept: left_out } = left_out;
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
