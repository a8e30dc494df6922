//! Files that the commit does not have.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use api::executor::GitFailure;

use super::{
    super::{files::Found, theirs::Theirs, theirs::path_of, unwanted},
    Making,
};
use crate::workspace::sealed::parts;

/// How deep repositories may be in repositories.
const DEPTH: usize = 20;

impl Making<'_> {
    /// Finds them, those of repositories inside included.
    pub(super) fn others(&mut self) -> Result<(), GitFailure> {
        let root = self.files.root.clone();
        let index = self.stage.git.index.clone();
        self.others_in(&root, Path::new(""), index, 0)?;
        let listed: BTreeSet<PathBuf> = self.changed.iter().cloned().collect();
        let is_known = |path: &&PathBuf| self.entries.contains_key(*path) || listed.contains(*path);
        for path in self.basis.added.iter().filter(|path| !is_known(path)).cloned().collect::<Vec<_>>() {
            if !self.is_named(&path) {
                self.other(path);
            }
        }
        Ok(())
    }

    /// Those of one repository; `prefix` is the way to it from the outermost.
    fn others_in(
        &mut self,
        folder: &Path,
        prefix: &Path,
        index: Option<PathBuf>,
        depth: usize,
    ) -> Result<(), GitFailure> {
        let mut git = self.stage.git.clone();
        (git.work_tree, git.index) = (folder.to_owned(), index);
        let words = ["ls-files", "-z", "--others", "--exclude-per-directory=.gitignore"];
        let mut words: Vec<OsString> = words.iter().map(OsString::from).collect();
        if let Some(exclude) = self.basis.exclude.as_ref().filter(|file| file.is_file()) {
            let mut word = OsString::from("--exclude-from=");
            word.push(exclude);
            words.push(word);
        }
        for path in parts(&git.read(&words)?) {
            self.report.alive();
            let (path, is_repository) = match path.strip_suffix(b"/") {
                Some(path) => (prefix.join(path_of(path)), true),
                None => (prefix.join(path_of(path)), false),
            };
            if self.is_gitlink(&path) {
                continue;
            }
            if !is_repository {
                self.other(path);
            } else if depth < DEPTH {
                self.enter(&path, depth)?;
            } else {
                self.leave_folder(&path, "it is a repository too deep in others", true);
            }
        }
        Ok(())
    }

    /// Whether a path is in a submodule.
    pub(super) fn is_gitlink(&self, path: &Path) -> bool {
        path.ancestors().any(|path| self.entries.get(path).is_some_and(|entry| entry.mode == "160000"))
    }

    /// A repository inside: its files are files like any others, unless it is another worktree of this one.
    fn enter(&mut self, path: &Path, depth: usize) -> Result<(), GitFailure> {
        if let Some(folder) = unwanted::dependencies(&self.files.root, &path.join("x")) {
            self.leave_dependencies(folder);
            return Ok(());
        }
        if is_linked(&self.files.root, path) {
            self.made.linked.push(path.to_owned());
            return Ok(());
        }
        self.made.nested.push(path.to_owned());
        let folder = self.files.root.join(path);
        self.others_in(&folder, path, Some(self.stage.folder.join("empty-index")), depth + 1)
    }

    fn other(&mut self, path: PathBuf) {
        if let Some(folder) = unwanted::dependencies(&self.files.root, &path) {
            let folder = folder.to_owned();
            // A folder that the repository has files of already is the repository's.
            if !self.entries.keys().any(|known| known.starts_with(&folder)) {
                return self.leave_dependencies(&folder);
            }
        }
        match self.files.at(&path) {
            Found::File(known) => match unwanted::why(&self.files.root, &path, known.len()) {
                Some(why) => self.leave(&path, why, true),
                None => self.changed.push(path),
            },
            Found::Unreadable => self.leave(&path, "it cannot be read", false),
            Found::Odd(why) => self.leave(&path, why, false),
            Found::Folder | Found::Nothing => {}
        }
    }
}

/// Whether a folder with a `.git` file is another worktree of the repository around it.
fn is_linked(root: &Path, path: &Path) -> bool {
    let common = |folder: &Path| Theirs::of(folder).and_then(|theirs| theirs.common.canonicalize().ok());
    let own = common(root);
    own.is_some() && own == common(&root.join(path))
}
