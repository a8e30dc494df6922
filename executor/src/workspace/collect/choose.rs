//! What becomes the head of the run's work.

use api::executor::{GitFailure, Objection};

use super::{
    Collecting,
    combine::{self, Combined},
    half_done::{self, Progress},
    links, outgoing,
    snapshot::Snapshot,
};

/// What is known of the agent's repository in relation to what was pushed.
pub(super) enum Footing {
    /// The agent's newest commit and what was pushed have a common past.
    Related(String),
    /// The agent is on a line of its own, and the run's line is still there.
    Apart(Option<String>),
    /// The repository is gone, broken or another one: only files can be compared.
    Files,
}

impl Collecting<'_> {
    /// What the agent's repository is good for.
    pub(super) fn footing(&mut self) -> Footing {
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
            _ if self.asked.distrust => self.files(),
            Some(head) if self.stage.are_related(head, pushed) => Footing::Related(head.clone()),
            Some(head) if has_line => Footing::Apart(Some(head.clone())),
            None if has_line && theirs.is_unborn() => Footing::Apart(None),
            _ => self.files(),
        }
    }

    fn files(&mut self) -> Footing {
        let text = "The workspace's repository is damaged or another one; its files were compared.";
        self.result.notices.push(text.to_owned());
        Footing::Files
    }

    /// Commits what is in no commit. The newest commit of the agent's line.
    pub(super) fn commit_files(
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
        let commit = match parents.as_slice() {
            // Nobody asked for this commit: it only holds the files.
            [parent] if self.asked.rescue => {
                self.stage.commit_found(&made.tree, parent, &self.asked.message, self.author)?
            }
            parents => self.stage.commit(&made.tree, parents, &self.asked.message, self.author)?,
        };
        self.result.commit = Some(commit.clone());
        Ok(commit)
    }

    /// Decides what becomes the head of the run's work; `None` while something is objected to.
    pub(super) fn choose(
        &mut self,
        footing: &Footing,
        own: &str,
        progress: Option<&Progress>,
    ) -> Result<Option<String>, GitFailure> {
        let pushed = self.asked.pushed.clone();
        if self.asked.rescue {
            return self.choose_for_rescue(footing, &pushed, own);
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
    fn choose_for_rescue(
        &mut self,
        footing: &Footing,
        pushed: &str,
        own: &str,
    ) -> Result<Option<String>, GitFailure> {
        self.result.commit = None;
        let Footing::Related(head) = footing else { return Ok(Some(pushed.to_owned())) };
        let fine = matches!(combine::combine(&self.stage, pushed, head, self.author)?, Combined::Theirs)
            && links::are_known(&self.stage, head, &[own, pushed])?
            && half_done::markers(&self.stage, pushed, head)?.is_none()
            && outgoing::objection(&self.stage, &self.asked.base, head, &self.have)?.is_none();
        Ok(Some(if fine { head.clone() } else { pushed.to_owned() }))
    }

    /// What the agent itself has pushed to the run's branch: known here, it may be replaced from here.
    pub(super) fn seen(&self) -> Option<String> {
        let name = format!("refs/remotes/origin/{}", self.asked.branch.as_ref()?);
        self.stage.whole_commit(self.theirs.as_ref()?.refs.get(&name)?, &self.have)
    }
}
