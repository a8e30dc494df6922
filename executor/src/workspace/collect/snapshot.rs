//! Makes a tree of a folder's files: a commit's tree with what has changed since. Only what somebody did is a
//! change: a file that is not checked out or cannot be read is not deleted.

mod left;
mod others;
mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use api::{executor::GitFailure, run::NotCommitted};

use super::{
    files::{Files, Found},
    stage::Stage,
    theirs::path_of,
    unwanted, walk,
};
use crate::workspace::{report::Report, sealed::parts};

/// What to compare with, and what is known of the files.
pub(super) struct Basis<'a> {
    /// Files that git was told not to check out.
    pub(super) hidden: &'a Hidden,
    /// Files that the agent added, in spite of a rule that ignores them as well.
    pub(super) added: &'a BTreeSet<PathBuf>,
    /// Submodules that have lost their repository.
    pub(super) lost: &'a [PathBuf],
    /// The agent's own list of files to ignore.
    pub(super) exclude: Option<PathBuf>,
}

/// The files that a sparse checkout leaves out.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    pub(super) paths: BTreeSet<PathBuf>,
    /// The list cannot be read: any file that is missing may be on it.
    pub(super) unknown: bool,
}

impl Hidden {
    fn holds(&self, path: &Path) -> bool {
        self.unknown || self.paths.contains(path)
    }
}

/// What is in no commit.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftOut {
    pub(super) not_committed: Vec<NotCommitted>,
    /// Those of them that can be kept.
    pub(super) kept: Vec<PathBuf>,
}

impl LeftOut {
    /// Takes over what was left out in another folder: below this path, when the folder is in this one.
    pub(super) fn extend(&mut self, other: Self, folder: &Path, root: &Path) {
        let inside = folder.strip_prefix(root).ok();
        let prefix = inside.unwrap_or(folder);
        for mut known in other.not_committed {
            if !prefix.as_os_str().is_empty() {
                known.path = format!("{}/{}", prefix.to_string_lossy(), known.path);
            }
            self.not_committed.push(known);
        }
        self.kept.extend(other.kept.into_iter().filter_map(|path| Some(inside?.join(path))));
    }
}

/// The files as a tree.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) tree: String,
    pub(super) left_out: LeftOut,
    /// Files of the commit that are not checked out.
    pub(super) hidden: Vec<PathBuf>,
    /// Folders with a repository of their own.
    pub(super) nested: Vec<PathBuf>,
    /// Folders that are other worktrees of this repository.
    pub(super) linked: Vec<PathBuf>,
    /// The files, which stay open until what is in those folders was looked at, too.
    pub(super) files: Option<Files>,
}

/// An entry of a commit's tree.
struct Entry {
    mode: String,
    id: String,
}

/// A snapshot that is being made.
struct Making<'a> {
    stage: Stage,
    files: Files,
    basis: &'a Basis<'a>,
    report: &'a Report,
    entries: BTreeMap<PathBuf, Entry>,
    /// Paths for git to look at.
    changed: Vec<PathBuf>,
    /// Those of them whose attributes name an encoding.
    encoded: Vec<PathBuf>,
    made: Snapshot,
}

/// Makes it from the stage's index, which holds the parent's tree; the index holds it afterwards.
pub(super) fn make(stage: &Stage, basis: &Basis<'_>, report: &Report) -> Result<Snapshot, GitFailure> {
    let files = Files::of(&stage.git.work_tree);
    let walked = walk::look(&files, report);
    let mut making = Making {
        files,
        stage: stage.clone(),
        basis,
        report,
        entries: entries(stage)?,
        changed: Vec::new(),
        encoded: Vec::new(),
        made: Snapshot::default(),
    };
    making.tracked()?;
    making.others()?;
    making.unlisted(walked);
    making.set_aside_filtered()?;
    making.record()?;
    making.made.tree = stage.git.word(["write-tree"])?;
    making.made.files = Some(making.files);
    Ok(making.made)
}

/// How git writes what a file is.
fn mode_of(known: &Metadata) -> &'static str {
    match (known.is_symlink(), known.permissions().mode() & 0o100 != 0) {
        (true, _) => "120000",
        (false, true) => "100755",
        (false, false) => "100644",
    }
}

fn entries(stage: &Stage) -> Result<BTreeMap<PathBuf, Entry>, GitFailure> {
    let listed = stage.git.read(["ls-files", "-z", "--stage"])?;
    let entry = |part: &[u8]| {
        let tab = part.iter().position(|byte| *byte == b'\t')?;
        let mut words = part[..tab].split(|byte| *byte == b' ');
        let mut word = || words.next().map(|word| String::from_utf8_lossy(word).into_owned());
        Some((path_of(&part[tab + 1..]), Entry { mode: word()?, id: word()? }))
    };
    Ok(parts(&listed).filter_map(entry).collect())
}

impl Making<'_> {
    /// Files that the commit has: which of them have changed or are gone.
    fn tracked(&mut self) -> Result<(), GitFailure> {
        let folders: BTreeSet<_> = self.entries.keys().flat_map(|path| path.ancestors().skip(1)).collect();
        let is_link = |folder: &&&Path| self.files.root.join(folder).is_symlink();
        let links: Vec<PathBuf> = folders.iter().filter(is_link).map(|folder| folder.to_path_buf()).collect();
        let listed = self.stage.git.read(["ls-files", "-z", "--modified"])?;
        let modified: BTreeSet<PathBuf> = parts(&listed).map(path_of).collect();
        for path in modified {
            self.report.alive();
            let Some(entry) = self.entries.get(&path).filter(|entry| entry.mode != "160000") else {
                continue;
            };
            match self.files.at(&path) {
                Found::File(known) => {
                    // Byte for byte what was committed is unchanged, whatever its attributes make of it.
                    if mode_of(&known) == entry.mode && self.files.is_blob(&path, &known, &entry.id) {
                        continue;
                    }
                    // What the repository has may be secret or made by a tool, but not too large.
                    match unwanted::by_size(known.len()) {
                        Some(why) => self.leave(&path, why, true),
                        None => self.changed.push(path),
                    }
                }
                Found::Nothing if self.basis.hidden.holds(&path) => self.made.hidden.push(path),
                Found::Nothing | Found::Folder => self.changed.push(path),
                Found::Odd(why) => self.leave(&path, why, false),
                Found::Unreadable => {
                    self.leave(&path, "it cannot be read; the branch has it as it was", false)
                }
            }
        }
        // Through a link to a folder git sees the files that were there before.
        let behind = |path: &&PathBuf| links.iter().any(|link| path.starts_with(link) && *path != link);
        let behind: Vec<_> = self.entries.keys().filter(behind).cloned().collect();
        self.changed.extend(behind);
        Ok(())
    }
}

fn nul_separated(paths: &[PathBuf]) -> Vec<u8> {
    paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect()
}
