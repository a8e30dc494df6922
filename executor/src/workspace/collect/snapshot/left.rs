//! What is left out of the commit, and is named.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use api::{executor::GitFailure, run::NotCommitted};

use super::{
    super::{files::Found, theirs::path_of, unwanted, walk::Walked},
    Making, nul_separated,
};
use crate::workspace::sealed::parts;

impl Making<'_> {
    /// Leaves out a file.
    pub(super) fn leave(&mut self, path: &Path, why: &str, can_be_kept: bool) {
        self.leave_as(path, path.to_string_lossy().into_owned(), why, can_be_kept);
    }

    /// Leaves out a folder with everything in it.
    pub(super) fn leave_folder(&mut self, folder: &Path, why: &str, can_be_kept: bool) {
        self.leave_as(folder, format!("{}/", folder.to_string_lossy()), why, can_be_kept);
    }

    /// Leaves out a folder that a package manager or a build fills.
    pub(super) fn leave_dependencies(&mut self, folder: &Path) {
        self.leave_folder(folder, "it is made by a tool, and no ignore rule names it", true);
    }

    fn leave_as(&mut self, path: &Path, name: String, why: &str, can_be_kept: bool) {
        if self.made.left_out.not_committed.iter().any(|known| known.path == name) {
            return;
        }
        let bytes = self.files.bytes(path);
        self.made.left_out.not_committed.push(NotCommitted { path: name, bytes, why: why.to_owned() });
        if can_be_kept {
            self.made.left_out.kept.push(path.to_owned());
        }
    }

    /// Whether a path, or a folder that it is in, is left out already.
    pub(super) fn is_named(&self, path: &Path) -> bool {
        path.ancestors().any(|path| self.made.left_out.kept.iter().any(|known| known == path))
    }

    /// Names what git does not even list: pipes, sockets and devices, folders that cannot be read, and submodules
    /// that have lost their repository.
    pub(super) fn unlisted(&mut self, walked: Walked) {
        for path in self.basis.lost {
            self.leave_folder(path, "its repository cannot be read; the branch has it as it was", true);
        }
        let Walked { mut odd, mut shut } = walked;
        let is_ours = |path: &Path| {
            !self.entries.contains_key(path)
                && !self.is_gitlink(path)
                && unwanted::dependencies(&self.files.root, path).is_none()
        };
        odd.retain(|(path, _)| is_ours(path));
        shut.retain(|(path, _)| !self.is_gitlink(path));
        let ignored = self.ignored(odd.iter().chain(&shut).map(|(path, _)| path.clone()).collect());
        for (path, why) in odd.into_iter().filter(|(path, _)| !ignored.contains(path)) {
            self.leave(&path, why, false);
        }
        for (path, why) in shut.into_iter().filter(|(path, _)| !ignored.contains(path)) {
            self.leave_folder(&path, why, false);
        }
    }

    /// Which of these paths a rule ignores.
    fn ignored(&self, paths: Vec<PathBuf>) -> BTreeSet<PathBuf> {
        if let Some(exclude) = self.basis.exclude.as_ref().filter(|file| file.is_file()) {
            let info = self.stage.git.git_dir.join("info");
            // Without the agent's own list more is named.
            let _ = fs::create_dir_all(&info).and_then(|()| fs::copy(exclude, info.join("exclude")));
        }
        if paths.is_empty() {
            return BTreeSet::new();
        }
        let listed = self.stage.git.run(["check-ignore", "-z", "--stdin"], &nul_separated(&paths));
        listed.map(|listed| parts(&listed.stdout).map(path_of).collect()).unwrap_or_default()
    }

    /// Files whose content must pass a program that is not here before it may be committed.
    pub(super) fn set_aside_filtered(&mut self) -> Result<(), GitFailure> {
        let present: Vec<_> = self
            .changed
            .iter()
            .filter(|path| matches!(self.files.at(path), Found::File(known) if known.is_file()))
            .cloned()
            .collect();
        let words = ["check-attr", "-z", "--stdin", "filter", "working-tree-encoding"];
        let listed = self.stage.git.feed(words, &nul_separated(&present))?;
        let mut words = parts(&listed);
        while let (Some(path), Some(attribute), Some(value)) = (words.next(), words.next(), words.next()) {
            let path = path_of(path);
            if attribute == b"working-tree-encoding" {
                if !matches!(value, b"unspecified" | b"unset" | b"set") {
                    self.encoded.push(path);
                }
                continue;
            }
            let why = match value {
                b"lfs" if !is_pointer(&self.files.root.join(&path)) => {
                    "it is kept in Git LFS, whose server a run cannot write to"
                }
                b"git-crypt" | b"crypt" | b"transcrypt" | b"git-secret" | b"agebox" => {
                    "it must be encrypted before it is committed, and the key is not here"
                }
                filter if filter.starts_with(b"git-crypt") => {
                    "it must be encrypted before it is committed, and the key is not here"
                }
                _ => continue,
            };
            self.changed.retain(|changed| *changed != path);
            self.leave(&path, why, true);
        }
        Ok(())
    }
}

/// Whether a file is what Git LFS has in the place of a large one.
fn is_pointer(file: &Path) -> bool {
    let small = std::fs::metadata(file).is_ok_and(|known| known.len() < 1024);
    small
        && std::fs::read(file).is_ok_and(|text| text.starts_with(b"version https://git-lfs.github.com/spec/"))
}
