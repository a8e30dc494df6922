//! Repositories inside the workspace, submodules among them: what only they have is put into a bundle for each.

use std::path::{Path, PathBuf};

use api::executor::{Elsewhere, GitFailure};
use serde::{Deserialize, Serialize};

use super::{
    elsewhere::Search,
    half_done,
    links::Submodule,
    snapshot::{self, Basis},
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
pub(super) struct Inner {
    pub(super) bundle: InnerBundle,
    pub(super) elsewhere: Vec<Elsewhere>,
}

/// What a submodule has that its remote lacks: commits, and files in none.
pub(super) fn of_submodule(
    outer: &Stage,
    submodule: &Submodule,
    author: Author<'_>,
    report: &Report,
) -> Result<Option<Inner>, GitFailure> {
    look(outer, &submodule.path, &submodule.theirs, Some(&submodule.commit), author, report)
}

/// What the history of another repository has that its remote lacks; its files are on the branch.
pub(super) fn of_nested(
    outer: &Stage,
    path: &Path,
    author: Author<'_>,
    report: &Report,
) -> Result<Option<Inner>, GitFailure> {
    match Theirs::of(&outer.git.work_tree.join(path)) {
        Some(theirs) => look(outer, path, &theirs, None, author, report),
        None => Ok(None),
    }
}

fn look(
    outer: &Stage,
    path: &Path,
    theirs: &Theirs,
    known: Option<&str>,
    author: Author<'_>,
    report: &Report,
) -> Result<Option<Inner>, GitFailure> {
    let folder = outer.git.work_tree.join(path);
    let stage = Stage::create(&[&outer.folder], &folder, &[theirs.objects()])?;
    stage.end_history_at(&[&theirs.common])?;
    let remotes = theirs.refs.iter().filter(|(name, _)| name.starts_with("refs/remotes/"));
    let remotes = remotes.map(|(_, id)| id.as_str()).chain(known);
    let readable = remotes.filter(|id| stage.whole_commit(id, &[]).is_some());
    let without: String = readable.map(|id| format!("^{id}\n")).collect();
    let mut search = Search {
        stage: &stage,
        author,
        report,
        known: without.clone().into_bytes(),
        found: Vec::new(),
        notices: Vec::new(),
    };
    let head = theirs.head_commit().and_then(|head| stage.whole_commit(head, &[]));
    if let (Some(head), true) = (&head, known.is_some()) {
        let progress = half_done::read(&stage, theirs);
        let basis = Basis { hidden: &progress.hidden, exclude: None };
        let stage = stage.beside(&folder, "index");
        stage.git.read(["read-tree", head.as_str()])?;
        let made = snapshot::make(&stage, &basis, report)?;
        if made.tree != stage.tree_of(head)? {
            let commit = stage.commit(&made.tree, &[head], "Uncommitted work", author)?;
            search.note("uncommitted work", &commit);
        }
    }
    if let Some(head) = &head {
        search.note("HEAD", head);
    }
    search.repository(theirs)?;
    let mut found = search.found;
    if found.is_empty() {
        return Ok(None);
    }
    let shown = path.to_string_lossy();
    let kind = if known.is_some() { "submodule" } else { "repository" };
    for (at, one) in found.iter_mut().enumerate() {
        let name = format!("refs/inner/{}-{}", at + 1, slug(&one.place));
        stage.git.read(["update-ref", &name, &one.commit])?;
        one.place = format!("{} in the {kind} {shown}", one.place);
    }
    let name = format!("{}.bundle", slug(&shown));
    let bundle = InnerBundle { name, path: shown.into_owned(), stage: stage.folder.clone(), without };
    Ok(Some(Inner { bundle, elsewhere: found }))
}

/// A text as part of a file's or a reference's name.
pub(crate) fn slug(text: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().map(plain).take(60).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "work".to_owned() } else { slug.to_owned() }
}
