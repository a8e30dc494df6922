//! What git calls "in progress": a merge, rebase, cherry-pick or stash that stopped half way, and the conflict
//! markers that such a stop leaves in files.

use std::{collections::BTreeSet, fs, path::PathBuf};

use api::executor::{GitFailure, Objection, ObjectionKind};

use super::{
    snapshot::Hidden,
    stage::Stage,
    theirs::{Theirs, is_id, path_of, read_small},
};
use crate::workspace::sealed::parts;

/// How many files a sentence names.
const NAMED: usize = 10;
/// The largest file that is searched for markers, in bytes.
const SEARCHED: usize = 5 << 20;

/// What the agent's index and its git directory say of an operation.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// In words, with what ends it: `a rebase (git rebase --continue)`.
    pub(super) operation: Option<&'static str>,
    /// What a merge is made with.
    pub(super) merging: Vec<String>,
    /// Files that are not merged yet.
    pub(super) unmerged: BTreeSet<PathBuf>,
    /// Files that are not checked out.
    pub(super) hidden: Hidden,
    /// Files that the index has.
    pub(super) added: BTreeSet<PathBuf>,
    /// Whether the index could be read.
    pub(super) is_index_known: bool,
    /// Submodules that the index has, with their commits.
    pub(super) gitlinks: Vec<(PathBuf, String)>,
}

/// Reads it.
pub(super) fn read(stage: &Stage, theirs: &Theirs) -> Progress {
    let has = |name: &str| theirs.git_dir.join(name).exists();
    let operation = match () {
        () if has("rebase-merge") || has("rebase-apply") => {
            Some("a rebase (`git rebase --continue` ends it)")
        }
        () if has("CHERRY_PICK_HEAD") => Some("a cherry-pick (`git cherry-pick --continue` ends it)"),
        () if has("REVERT_HEAD") => Some("a revert (`git revert --continue` ends it)"),
        () => None,
    };
    let merging = read_small(&theirs.git_dir.join("MERGE_HEAD")).unwrap_or_default();
    let merging = String::from_utf8_lossy(&merging);
    let merging = merging.lines().filter(|id| is_id(id)).map(str::to_owned).collect();
    let mut progress = Progress { operation, merging, ..Progress::default() };
    let index = theirs.git_dir.join("index");
    if index.is_file() {
        read_index(stage, theirs, &index, &mut progress);
    }
    if !progress.is_index_known {
        let sparse = theirs.git_dir.join("info/sparse-checkout");
        progress.hidden.unknown = fs::metadata(sparse).is_ok_and(|file| 0 < file.len());
    }
    progress
}

/// The agent's index, read by git with our settings. A split one has its other half beside it.
fn read_index(stage: &Stage, theirs: &Theirs, index: &std::path::Path, progress: &mut Progress) {
    let halves = fs::read_dir(&theirs.git_dir).into_iter().flatten().flatten();
    for half in halves.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"sharedindex.")) {
        let place = stage.git.git_dir.join(half.file_name());
        if let Err(error) = fs::copy(half.path(), place) {
            tracing::debug!(%error, "half of a split index cannot be read");
        }
    }
    let Ok(listed) = stage.git.with_index(index).read(["ls-files", "-z", "-t", "--stage"]) else {
        return;
    };
    progress.is_index_known = true;
    // `S 100644 ID 0<tab>PATH`
    for part in parts(&listed) {
        let Some(tab) = part.iter().position(|byte| *byte == b'\t') else { continue };
        let head = String::from_utf8_lossy(&part[..tab]);
        let words: Vec<&str> = head.split(' ').collect();
        let path = path_of(&part[tab + 1..]);
        match words.as_slice() {
            ["S" | "s", "160000", ..] => {}
            ["S" | "s", ..] => drop(progress.hidden.paths.insert(path)),
            [_, "160000", id, _] => progress.gitlinks.push((path, (*id).to_owned())),
            [_, _, _, stage] if *stage != "0" => drop(progress.unmerged.insert(path)),
            _ => drop(progress.added.insert(path)),
        }
    }
}

impl Progress {
    /// What the agent has to end first.
    pub(super) fn objection(&self) -> Option<Objection> {
        let text = match (self.operation, self.unmerged.is_empty()) {
            (None, true) => return None,
            (Some(operation), true) => {
                format!("The repository is in the middle of {operation}. End it, or abort it.")
            }
            (operation, false) => {
                let paths = self.unmerged.iter().map(|path| path.to_string_lossy().into_owned()).collect();
                let middle = match (operation, self.merging.is_empty()) {
                    (Some(operation), _) => format!(" of {operation}"),
                    (None, false) => " of a merge (`git commit` ends it)".to_owned(),
                    (None, true) => String::new(),
                };
                format!(
                    "Conflicts are left in {}, in the middle{middle}. Resolve them, `git add` the files and end it.",
                    named(paths)
                )
                .replace(", in the middle. ", ". ")
            }
        };
        Some(Objection { kind: ObjectionKind::Conflicts, text })
    }
}

/// Files of a commit that hold conflict markers which an earlier one did not have.
pub(super) fn markers(stage: &Stage, before: &str, after: &str) -> Result<Option<Objection>, GitFailure> {
    let changed =
        stage.git.read(["diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AMT", before, after])?;
    let mut found = Vec::new();
    let mut words = parts(&changed);
    // `:100644 100644 ID ID M<nul>PATH`
    while let (Some(head), Some(path)) = (words.next(), words.next()) {
        let head = String::from_utf8_lossy(head);
        let ids: Vec<&str> = head.split(' ').collect();
        if let [_, mode, old, new, _] = ids.as_slice()
            && mode.starts_with("100")
            && has_markers(&blob(stage, new))
            && !(is_id(old) && has_markers(&blob(stage, old)))
        {
            found.push(String::from_utf8_lossy(path).into_owned());
        }
    }
    let text = format!("Conflict markers are left in {}. Resolve them.", named(found.clone()));
    Ok((!found.is_empty()).then_some(Objection { kind: ObjectionKind::Conflicts, text }))
}

/// A blob's content; nothing of one that is too large.
fn blob(stage: &Stage, id: &str) -> Vec<u8> {
    let size = stage.git.word(["cat-file", "-s", id]).ok().and_then(|size| size.parse::<usize>().ok());
    match size {
        Some(size) if size <= SEARCHED => stage.git.read(["cat-file", "blob", id]).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Whether the three markers stand at the beginnings of lines, in their order.
fn has_markers(content: &[u8]) -> bool {
    let mut wanted = [b"<<<<<<< ".as_slice(), b"=======", b">>>>>>> "].into_iter().peekable();
    for line in content.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(marker) = wanted.peek() else { return true };
        let is_it = if marker.ends_with(b" ") { line.starts_with(marker) } else { line == *marker };
        if is_it {
            wanted.next();
        }
    }
    wanted.peek().is_none()
}

/// Some of these names, and how many more there are.
pub(super) fn named(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_three_in_their_order() {
        assert!(has_markers(b"a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> main\n"));
        assert!(has_markers(b"<<<<<<< HEAD\r\nb\r\n=======\r\nc\r\n>>>>>>> main"));
        for text in
            ["", "Title\n=======\n", ">>>>>>> a\n=======\n<<<<<<< b\n", "    <<<<<<< a\n=======\n>>>>>>> b\n"]
        {
            assert!(!has_markers(text.as_bytes()), "{text}");
        }
    }
}
