//! Repositories inside the workspace, submodules among them: what only they have is put into a bundle for each.

use std::path::{Path, PathBuf};

use api::executor::{Elsewhere, GitFailure};
use serde::{Deserialize, Serialize};

use super::{
    elsewhere::Search,
    half_done,
    links::{Submodule, has_far_remote},
    snapshot::{self, Basis, LeftOut},
    stage::{Author, Stage},
    theirs::Theirs,
};
use crate::workspace::report::Report;

/// A bundle that is to be made of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InnerBundle {
    /// The artifact's name.
    pub(crate) name: String,
    /// The folder of the repository in the workspace.
    pub(crate) path: String,
    /// The stage with its commits as references.
    pub(crate) stage: PathBuf,
    /// What the bundle needs not hold: lines of ids, each with `^`.
    pub(crate) without: String,
}

/// What one repository inside has.
#[derive(Default)]
pub(super) struct Inner {
    pub(super) bundle: Option<InnerBundle>,
    pub(super) elsewhere: Vec<Elsewhere>,
    pub(super) left_out: LeftOut,
    pub(super) notices: Vec<String>,
}

/// A look into repositories inside.
pub(super) struct Looking<'a> {
    pub(super) outer: &'a Stage,
    /// A commit that the outer repository's remote has: a clone of it needs no second copy.
    pub(super) base: &'a str,
    pub(super) author: Author<'a>,
    pub(super) report: &'a Report,
}

impl Looking<'_> {
    /// What a submodule has that its remote lacks: commits, and files in none.
    pub(super) fn submodule(&self, submodule: &Submodule) -> Result<Inner, GitFailure> {
        self.look(&submodule.path, &submodule.theirs, Some(&submodule.commit))
    }

    /// What the history of another repository has that its remote lacks; its files are on the branch.
    pub(super) fn nested(&self, path: &Path) -> Result<Inner, GitFailure> {
        match Theirs::of(&self.outer.git.work_tree.join(path)) {
            Some(theirs) => self.look(path, &theirs, None),
            None => Ok(Inner::default()),
        }
    }

    fn look(&self, path: &Path, theirs: &Theirs, known: Option<&str>) -> Result<Inner, GitFailure> {
        let folder = self.outer.git.work_tree.join(path);
        let stage = Stage::create(&[&self.outer.folder], &folder, &[theirs.objects()])?;
        stage.end_history_at(None, Some(&theirs.common))?;
        let without = self.without(&stage, theirs, known);
        let mut search = Search {
            stage: &stage,
            author: self.author,
            report: self.report,
            known: without.clone().into_bytes(),
            base: None,
            found: Vec::new(),
            left_out: LeftOut::default(),
            root: &self.outer.git.work_tree,
            notices: Vec::new(),
            is_full: false,
        };
        let head = theirs.head_commit().and_then(|head| stage.whole_commit(head, &[]));
        if let (Some(head), true) = (&head, known.is_some()) {
            let progress = half_done::read(&stage, theirs);
            let basis = Basis { hidden: &progress.hidden, added: &progress.added, lost: &[], exclude: None };
            let stage = stage.beside(&folder, "index");
            stage.git.read(["read-tree", head.as_str()])?;
            let made = snapshot::make(&stage, &basis, self.report)?;
            search.left_out.extend(made.left_out, &folder, search.root);
            if made.tree != stage.tree_of(head)? {
                let commit = stage.commit_found(&made.tree, head, "Uncommitted work", self.author)?;
                search.note("uncommitted work", &commit);
            }
        }
        if let Some(head) = &head {
            search.note("HEAD", head);
        }
        search.repository(theirs)?;
        let Search { found: mut elsewhere, left_out, notices, .. } = search;
        let shown = path.to_string_lossy();
        let kind = if known.is_some() { "submodule" } else { "repository" };
        for (at, one) in elsewhere.iter_mut().enumerate() {
            let name = format!("refs/inner/{}-{}", at + 1, slug(&one.place));
            stage.git.read(["update-ref", &name, &one.commit])?;
            one.place = format!("{} in the {kind} {shown}", one.place);
        }
        let bundle = (!elsewhere.is_empty()).then(|| InnerBundle {
            name: format!("{}.bundle", slug(&shown)),
            path: shown.clone().into_owned(),
            stage: stage.folder.clone(),
            without,
        });
        let notices = notices.into_iter().map(|text| format!("{kind} {shown}: {text}")).collect();
        Ok(Inner { bundle, elsewhere, left_out, notices })
    }

    /// What others have of it: lines of ids, each with `^`.
    fn without(&self, stage: &Stage, theirs: &Theirs, known: Option<&str>) -> String {
        let is_far = has_far_remote(self.outer, theirs);
        let remotes = theirs.refs.iter().filter(|(name, _)| is_far && name.starts_with("refs/remotes/"));
        let ids = remotes.map(|(_, id)| id.as_str()).chain(known).chain([self.base]);
        let whole = ids.filter(|id| stage.whole_commit(id, &[]).is_some());
        whole.map(|id| format!("^{id}\n")).collect()
    }
}

/// A text as part of a file's or a reference's name.
pub(crate) fn slug(text: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().map(plain).take(60).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "work".to_owned() } else { slug.to_owned() }
}
