//! References that a repository keeps in tables instead of files: git reads them for us, in a repository of ours
//! that borrows the tables. A git that does not know them reads none.

use std::{collections::BTreeMap, fs, io, path::Path};

use tempfile::TempDir;

use super::theirs::{Head, Theirs, is_id};
use crate::workspace::sealed::Sealed;

/// Where `HEAD` is, and the references.
pub(super) fn read(theirs: &Theirs) -> Option<(Head, BTreeMap<String, String>)> {
    let (_folder, git) = borrow(theirs).ok()?;
    let listed = git.word(["for-each-ref", "--format=%(objectname) %(refname)"]).ok()?;
    let refs = listed.lines().filter_map(|line| line.split_once(' '));
    let refs = refs.filter(|(id, _)| is_id(id)).map(|(id, name)| (name.to_owned(), id.to_owned())).collect();
    let head = match git.word(["symbolic-ref", "--quiet", "HEAD"]) {
        Ok(branch) => Head::Branch(branch),
        Err(_) => git.word(["rev-parse", "--verify", "HEAD"]).map_or(Head::Unreadable, Head::Detached),
    };
    Some((head, refs))
}

/// The commits of the stash, newest first.
pub(super) fn stashes(theirs: &Theirs) -> Vec<String> {
    let listed =
        borrow(theirs).map(|(_folder, git)| git.word(["reflog", "show", "--format=%H", "refs/stash"]));
    let listed = listed.ok().and_then(Result::ok).unwrap_or_default();
    listed.lines().map(str::to_owned).filter(|id| is_id(id)).collect()
}

/// A repository of ours with copies of its tables; it goes with the folder.
fn borrow(theirs: &Theirs) -> io::Result<(TempDir, Sealed)> {
    let folder = tempfile::tempdir()?;
    let git = Sealed::create(&folder.path().join("git"), folder.path(), &[theirs.objects()])?;
    let (from, to) = (theirs.git_dir.join("reftable"), git.git_dir.join("reftable"));
    fs::create_dir(&to)?;
    for table in fs::read_dir(from)?.flatten().filter(|entry| is_file(&entry.path())) {
        fs::copy(table.path(), to.join(table.file_name()))?;
    }
    git.set("core.repositoryFormatVersion", "1")?;
    git.set("extensions.refStorage", "reftable")?;
    Ok((folder, git))
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|known| known.is_file())
}
