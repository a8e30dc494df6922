//! Makes a tree of a folder's files: a commit's tree with what has changed since. Only what somebody did is a
//! change: a file that is not checked out or cannot be read is not deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use api::{executor::GitFailure, run::NotCommitted};

use super::{
    files::{Files, Found},
    stage::Stage,
    theirs::path_of,
    unwanted,
};
use crate::workspace::{report::Report, sealed::parts};

/// How deep repositories may be in repositories.
const DEPTH: usize = 20;
/// How often folders that cannot be listed are opened and listed again.
const OPENINGS: usize = 50;

/// What to compare with, and what is known of the files.
pub(super) struct Basis<'a> {
    /// Files that git was told not to check out.
    pub(super) hidden: &'a Hidden,
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

/// The files as a tree.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) tree: String,
    pub(super) not_committed: Vec<NotCommitted>,
    /// Those of them that can be kept.
    pub(super) left_out: Vec<PathBuf>,
    /// Folders with a repository of their own.
    pub(super) nested: Vec<PathBuf>,
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
    made: Snapshot,
}

/// Makes it from the stage's index, which holds the parent's tree; the index holds it afterwards.
pub(super) fn make(stage: &Stage, basis: &Basis<'_>, report: &Report) -> Result<Snapshot, GitFailure> {
    let mut making = Making {
        files: Files::of(&stage.git.work_tree),
        stage: stage.clone(),
        basis,
        report,
        entries: entries(stage)?,
        changed: Vec::new(),
        made: Snapshot::default(),
    };
    making.tracked()?;
    making.others()?;
    making.odd();
    making.set_aside_filtered()?;
    making.record()?;
    making.made.tree = stage.git.word(["write-tree"])?;
    Ok(making.made)
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
        // Shut folders first: what is in them looks deleted to git.
        let folders: BTreeSet<_> = self.entries.keys().flat_map(|path| path.ancestors().skip(1)).collect();
        for folder in &folders {
            let _ = self.files.at(&folder.join("x"));
        }
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
                    let executable = known.permissions().mode() & 0o100 != 0;
                    let mode = match (known.is_symlink(), executable) {
                        (true, _) => "120000",
                        (false, true) => "100755",
                        (false, false) => "100644",
                    };
                    // Byte for byte what was committed is unchanged, whatever its attributes make of it.
                    if mode != entry.mode || !self.files.is_blob(&path, &known, &entry.id) {
                        self.changed.push(path);
                    }
                }
                Found::Nothing if self.basis.hidden.holds(&path) => {}
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

    /// Files that the commit does not have.
    fn others(&mut self) -> Result<(), GitFailure> {
        let root = self.files.root.clone();
        let index = self.stage.git.index.clone();
        self.others_in(&root, Path::new(""), index, 0)
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
        let mut words: Vec<_> = ["ls-files", "-z", "--others", "--exclude-per-directory=.gitignore"]
            .map(|word| OsStr::new(word).to_owned())
            .to_vec();
        if let Some(exclude) = self.basis.exclude.as_ref().filter(|file| file.is_file()) {
            words.push([OsStr::new("--exclude-from="), exclude.as_os_str()].concat_os());
        }
        let mut output = git.run(&words, &[])?;
        for _ in 0..OPENINGS {
            let shut = unlisted(&output.stderr);
            if shut.is_empty()
                || !self.files.open_folders(&shut.iter().map(|path| prefix.join(path)).collect::<Vec<_>>())
            {
                break;
            }
            output = git.run(&words, &[])?;
        }
        for shut in unlisted(&output.stderr) {
            self.leave(&prefix.join(shut), "the folder cannot be read", false);
        }
        for path in parts(&output.stdout) {
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
            }
        }
        Ok(())
    }

    fn is_gitlink(&self, path: &Path) -> bool {
        path.ancestors().any(|path| self.entries.get(path).is_some_and(|entry| entry.mode == "160000"))
    }

    /// A repository inside: its files are files like any others, unless it is another worktree of this one.
    fn enter(&mut self, path: &Path, depth: usize) -> Result<(), GitFailure> {
        if let Some(folder) = unwanted::dependencies(&self.files.root, &path.join("x")) {
            let folder = folder.to_owned();
            self.leave_folder(&folder);
            return Ok(());
        }
        if is_linked(&self.files.root, path) {
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
                return self.leave_folder(&folder);
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

    fn leave_folder(&mut self, folder: &Path) {
        let name = format!("{}/", folder.to_string_lossy());
        if !self.made.not_committed.iter().any(|known| known.path == name) {
            let bytes = self.files.bytes(folder);
            let why = "it is made by a tool, and no ignore rule names it".to_owned();
            self.made.not_committed.push(NotCommitted { path: name, bytes, why });
            self.made.left_out.push(folder.to_owned());
        }
    }

    fn leave(&mut self, path: &Path, why: &str, can_be_kept: bool) {
        let bytes = self.files.bytes(path);
        let name = path.to_string_lossy().into_owned();
        self.made.not_committed.push(NotCommitted { path: name, bytes, why: why.to_owned() });
        if can_be_kept {
            self.made.left_out.push(path.to_owned());
        }
    }

    /// Pipes, sockets and devices, which git does not even list.
    fn odd(&mut self) {
        let paths = self.entries.keys().chain(&self.changed);
        let mut folders: BTreeSet<_> = paths.filter_map(|path| path.parent().map(Path::to_owned)).collect();
        folders.insert(PathBuf::new());
        for (path, why) in folders.iter().flat_map(|folder| self.files.odd_in(folder)).collect::<Vec<_>>() {
            if !self.entries.contains_key(&path) {
                self.leave(&path, why, false);
            }
        }
    }

    /// Files whose content must pass a program that is not here before it may be committed.
    fn set_aside_filtered(&mut self) -> Result<(), GitFailure> {
        let present: Vec<_> = self
            .changed
            .iter()
            .filter(|path| matches!(self.files.at(path), Found::File(known) if known.is_file()))
            .cloned()
            .collect();
        let listed =
            self.stage.git.feed(["check-attr", "-z", "--stdin", "filter"], &nul_separated(&present))?;
        let mut words = parts(&listed);
        while let (Some(path), Some(_), Some(filter)) = (words.next(), words.next(), words.next()) {
            let path = path_of(path);
            let why = match filter {
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

    /// Has git record what has changed; what it cannot record costs nothing else.
    fn record(&mut self) -> Result<(), GitFailure> {
        let changed = std::mem::take(&mut self.changed);
        // What goes first: a file may stand where a folder was.
        let (there, gone): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|path| matches!(self.files.at(path), Found::File(_)));
        let mut removal = Vec::new();
        for path in gone {
            removal.extend(
                [b"0 0000000000000000000000000000000000000000\t", path.as_os_str().as_bytes(), b"\0"]
                    .concat(),
            );
        }
        self.stage.git.feed(["update-index", "-z", "--index-info"], &removal)?;
        self.record_some(&there);
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
        let words = [
            OsStr::new("hash-object"),
            "-w".as_ref(),
            "--no-filters".as_ref(),
            "--".as_ref(),
            file.as_os_str(),
        ];
        let Ok(id) = self.stage.git.word(words) else { return false };
        let entry = [b"100644 ", id.as_bytes(), b"\t", path.as_os_str().as_bytes(), b"\0"].concat();
        file.symlink_metadata().is_ok_and(|known| known.is_file())
            && self.stage.git.holds(["update-index", "-z", "--add", "--replace", "--index-info"], &entry)
    }
}

/// Whether a folder with a `.git` file is another worktree of the repository around it.
fn is_linked(root: &Path, path: &Path) -> bool {
    let common = |folder: &Path| {
        super::theirs::Theirs::of(folder).and_then(|theirs| theirs.common.canonicalize().ok())
    };
    let own = common(root);
    own.is_some() && own == common(&root.join(path))
}

/// The folders that git says it could not list.
fn unlisted(stderr: &[u8]) -> Vec<PathBuf> {
    let lines = stderr.split(|byte| *byte == b'\n');
    let folder = |line: &[u8]| {
        let rest = line.strip_prefix(b"warning: could not open directory '")?;
        let end = rest.windows(3).rposition(|end| end == b"': ")?;
        Some(path_of(rest[..end].strip_suffix(b"/").unwrap_or(&rest[..end])))
    };
    lines.filter_map(folder).collect()
}

/// Whether a file is what Git LFS has in the place of a large one.
fn is_pointer(file: &Path) -> bool {
    let small = std::fs::metadata(file).is_ok_and(|known| known.len() < 1024);
    small
        && std::fs::read(file).is_ok_and(|text| text.starts_with(b"version https://git-lfs.github.com/spec/"))
}

fn nul_separated(paths: &[PathBuf]) -> Vec<u8> {
    paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect()
}

/// Joins parts of a path or an option in bytes.
trait ConcatOs {
    fn concat_os(self) -> std::ffi::OsString;
}

impl ConcatOs for [&OsStr; 2] {
    fn concat_os(self) -> std::ffi::OsString {
        let mut whole = self[0].to_owned();
        whole.push(self[1]);
        whole
    }
}
