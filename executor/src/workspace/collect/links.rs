//! Submodules: where the branch may point to, and what was done inside them. A branch never points at a commit
//! that only this container has.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use api::executor::GitFailure;

use super::{
    files::Files,
    half_done::Progress,
    stage::Stage,
    theirs::{Theirs, path_of},
};
use crate::workspace::sealed::parts;

/// A submodule that is checked out.
pub(super) struct Submodule {
    pub(super) path: PathBuf,
    pub(super) theirs: Theirs,
    /// The commit that the branch points to.
    pub(super) commit: String,
}

/// The submodules of a work tree.
#[derive(Default)]
pub(super) struct Submodules {
    /// Those that are checked out.
    pub(super) all: Vec<Submodule>,
    /// Folders of those whose repository cannot be read any more: their files are in no commit.
    pub(super) lost: Vec<PathBuf>,
}

/// Sets each submodule's commit in the stage's index, which holds the parent's tree.
pub(super) fn settle(
    stage: &Stage,
    pushed: &str,
    progress: Option<&Progress>,
) -> Result<Submodules, GitFailure> {
    let before = of_tree(stage, pushed)?;
    let mut all = of_index(stage)?;
    let theirs = progress.map(|progress| progress.gitlinks.iter().cloned()).into_iter().flatten();
    let theirs: BTreeMap<_, _> = theirs.collect();
    all.extend(theirs.clone());
    let is_index_known = progress.is_some_and(|progress| progress.is_index_known);
    let mut submodules = Submodules::default();
    let files = Files::of(&stage.git.work_tree);
    let mut entries = Vec::new();
    for (path, in_parent) in all {
        let folder = stage.git.work_tree.join(&path);
        files.open_folder(&folder);
        let inner = Theirs::of(&folder);
        let was = before.get(&path);
        let is_empty = fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
        let head = inner.as_ref().and_then(Theirs::head_commit);
        let wanted = head.or_else(|| theirs.get(&path).map(String::as_str)).unwrap_or(&in_parent);
        // An empty folder is one that was never checked out, unless the agent took it off its index.
        let is_removed = is_empty && !theirs.contains_key(&path) && is_index_known;
        let commit = match was {
            _ if is_removed => None,
            Some(was) if was == wanted => Some(was.clone()),
            was => match &inner {
                Some(inner) if has_far_remote(stage, inner) && is_on_remote(inner, wanted) => {
                    Some(wanted.to_owned())
                }
                // An empty folder, or one that is no repository any more.
                _ => was.cloned(),
            },
        };
        let (mode, id) = match &commit {
            Some(commit) => ("160000", commit.as_str()),
            None => ("0", "0000000000000000000000000000000000000000"),
        };
        entries.extend([format!("{mode} {id}\t").as_bytes(), path.as_os_str().as_bytes(), b"\0"].concat());
        let Some(commit) = commit else { continue };
        if !is_empty && !inner.as_ref().is_some_and(is_readable) {
            submodules.lost.push(path.clone());
        }
        submodules.all.extend(inner.map(|theirs| Submodule { path, theirs, commit }));
    }
    stage.git.feed(["update-index", "-z", "--index-info"], &entries)?;
    Ok(submodules)
}

/// Whether all links of a commit are to commits that one of these has as well.
pub(super) fn are_known(stage: &Stage, commit: &str, others: &[&str]) -> Result<bool, GitFailure> {
    let known = others.iter().map(|other| of_tree(stage, other)).collect::<Result<Vec<_>, _>>()?;
    let links = of_tree(stage, commit)?;
    Ok(links.iter().all(|(path, id)| known.iter().any(|known| known.get(path) == Some(id))))
}

/// Whether the newest commit of a submodule is there.
fn is_readable(inner: &Theirs) -> bool {
    let stage = |folder: &Path| Stage::create(&[folder], folder, &[inner.objects()]).ok();
    let Ok(folder) = tempfile::tempdir() else { return false };
    stage(folder.path()).zip(inner.head_commit()).is_some_and(|(stage, head)| {
        let _ = stage.end_history_at(None, Some(&inner.common));
        stage.whole_commit(head, &[]).is_some()
    })
}

/// Whether a submodule has a remote that others can reach, too.
pub(super) fn has_far_remote(stage: &Stage, inner: &Theirs) -> bool {
    let config = inner.common.join("config");
    let words = ["config", "--file"].map(OsStr::new);
    let more = ["--get-regexp", r"^remote\..*\.url$"].map(OsStr::new);
    let listed = fs::metadata(&config)
        .is_ok_and(|known| known.is_file())
        .then(|| stage.git.read([words.as_slice(), &[config.as_os_str()], &more].concat()).ok())
        .flatten()
        .unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    let mut urls = listed.lines().filter_map(|line| line.split_once(' ')).map(|(_, url)| url);
    urls.any(|url| url.contains(':') && !url.starts_with(['/', '.']) && !url.starts_with("file:"))
}

/// Whether one of the branches that the submodule's remote is known to have has the commit.
fn is_on_remote(inner: &Theirs, commit: &str) -> bool {
    let remotes = inner.refs.iter().filter(|(name, _)| name.starts_with("refs/remotes/"));
    let Ok(folder) = tempfile::tempdir() else { return false };
    let Ok(stage) = Stage::create(&[folder.path()], folder.path(), &[inner.objects()]) else { return false };
    remotes.map(|(_, id)| id).any(|id| stage.is_ancestor(commit, id))
}

fn of_tree(stage: &Stage, commit: &str) -> Result<BTreeMap<PathBuf, String>, GitFailure> {
    // `160000 commit ID<tab>PATH`
    Ok(links(&stage.git.read(["ls-tree", "-r", "-z", commit])?, 2))
}

fn of_index(stage: &Stage) -> Result<BTreeMap<PathBuf, String>, GitFailure> {
    // `160000 ID 0<tab>PATH`
    Ok(links(&stage.git.read(["ls-files", "-z", "--stage"])?, 1))
}

fn links(listed: &[u8], word: usize) -> BTreeMap<PathBuf, String> {
    let link = |part: &[u8]| {
        let rest = part.strip_prefix(b"160000 ")?;
        let tab = rest.iter().position(|byte| *byte == b'\t')?;
        let head = String::from_utf8_lossy(&rest[..tab]).into_owned();
        Some((path_of(&rest[tab + 1..]), head.split(' ').nth(word - 1)?.to_owned()))
    };
    parts(listed).filter_map(link).collect()
}
