//! Has git record what has changed.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use api::executor::GitFailure;

use super::{super::files::Found, Entry, Making, entries, mode_of, nul_separated};

/// What takes a path off an index.
const GONE: &str = "0 0000000000000000000000000000000000000000";

impl Making<'_> {
    /// Has git record it; what it cannot record costs nothing else.
    pub(super) fn record(&mut self) -> Result<(), GitFailure> {
        let changed = std::mem::take(&mut self.changed);
        // What goes first: a file may stand where a folder was.
        let (there, gone): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|path| matches!(self.files.at(path), Found::File(_)));
        let removal: Vec<u8> = gone.iter().flat_map(|path| line(GONE, path)).collect();
        self.stage.git.feed(["update-index", "-z", "--index-info"], &removal)?;
        self.record_some(&there);
        let recorded = entries(&self.stage)?;
        for path in &there {
            if !recorded.contains_key(path) {
                // Git passes over a name that it refuses, and says so to nobody.
                self.leave(path, "git cannot record it", true);
            }
        }
        for path in std::mem::take(&mut self.encoded) {
            if let Some(entry) = recorded.get(&path)
                && !self.comes_back(&path, entry)
            {
                let before = self.entries.get(&path);
                let before =
                    before.map_or_else(|| GONE.to_owned(), |entry| format!("{} {}", entry.mode, entry.id));
                self.stage.git.feed(["update-index", "-z", "--index-info"], &line(&before, &path))?;
                self.leave(&path, "it is not in the encoding that its attributes name", true);
            }
        }
        Ok(())
    }

    fn record_some(&mut self, paths: &[PathBuf]) {
        self.report.alive();
        let words = ["update-index", "-z", "--add", "--replace", "--stdin"];
        if paths.is_empty() || self.stage.git.holds(words, &nul_separated(paths)) {
            return;
        }
        match paths {
            [path] if self.record_raw(path) => {}
            [path] => self.leave(path, "git cannot record it", true),
            paths => {
                let (one, other) = paths.split_at(paths.len() / 2);
                self.record_some(one);
                self.record_some(other);
            }
        }
    }

    /// Records a file's bytes as they are, where its attributes ask for a conversion that fails.
    fn record_raw(&self, path: &Path) -> bool {
        let file = self.files.root.join(path);
        let Ok(known) = file.symlink_metadata() else { return false };
        let words = ["hash-object", "-w", "--no-filters", "--"].map(OsStr::new);
        let Ok(id) = self.stage.git.word(words.into_iter().chain([file.as_os_str()])) else { return false };
        let entry = line(&format!("{} {id}", mode_of(&known)), path);
        let words = ["update-index", "-z", "--add", "--replace", "--index-info"];
        known.is_file() && self.stage.git.holds(words, &entry)
    }

    /// Whether what was recorded is checked out as the very bytes that the file has, or has them itself.
    fn comes_back(&self, path: &Path, entry: &Entry) -> bool {
        let Ok(content) = fs::read(self.files.root.join(path)) else { return false };
        let word = [b"--path=", path.as_os_str().as_bytes()].concat();
        let words = ["cat-file".as_ref(), "--filters".as_ref(), OsStr::from_bytes(&word), entry.id.as_ref()];
        self.stage.git.read(words).is_ok_and(|out| out == content)
            || self.stage.git.read(["cat-file", "blob", &entry.id]).is_ok_and(|blob| blob == content)
    }
}

/// One line for `update-index --index-info`.
fn line(entry: &str, path: &Path) -> Vec<u8> {
    [entry.as_bytes(), b"\t", path.as_os_str().as_bytes(), b"\0"].concat()
}
