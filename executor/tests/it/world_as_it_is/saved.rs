//! `Saved`: everything that is left of a run when its container is gone: the remote and the kept artifacts.

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::run::Run;
use crate::git_server::git;

/// The contents that were saved, whatever they are called.
pub(super) struct Saved {
    contents: HashSet<Vec<u8>>,
    commits: HashSet<String>,
    /// The files in `left-out.tar.gz`.
    left_out: HashMap<String, Vec<u8>>,
    /// The artifacts' names.
    pub(super) artifacts: Vec<String>,
}

impl Saved {
    /// Reads the remote and all artifacts, as somebody would who wants the work back.
    pub(super) async fn of(run: &Run) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mirror = folder.path().join("mirror");
        let (bare, place) = (run.bare(), mirror.to_str().unwrap().to_owned());
        git(folder.path(), &["clone", "-q", "--mirror", "--no-local", bare.to_str().unwrap(), &place]);
        // A submodule's bundle builds on commits that the submodule's remote has.
        for beside in remotes(run).filter(|beside| *beside != bare) {
            git(&mirror, &["fetch", "-q", beside.to_str().unwrap(), "+refs/*:refs/beside/*"]);
        }
        let (mut contents, mut left_out, mut artifacts) = (HashSet::new(), HashMap::new(), Vec::new());
        for (name, content) in run.kept().await {
            let file = folder.path().join(&name);
            fs::write(&file, content).unwrap();
            if name.ends_with(".bundle") {
                git(
                    &mirror,
                    &["fetch", "-q", file.to_str().unwrap(), &format!("+refs/*:refs/kept/{name}/*")],
                );
            }
            if name.ends_with(".tar.gz") {
                let files = unpacked(&file);
                contents.extend(files.values().cloned());
                left_out.extend(files.into_iter().filter(|_| name == "left-out.tar.gz"));
            }
            artifacts.push(name);
        }
        let mut commits = HashSet::new();
        for (id, kind, content) in objects(&mirror) {
            match kind.as_str() {
                "blob" => drop(contents.insert(content)),
                "commit" => drop(commits.insert(id)),
                _ => {}
            }
        }
        artifacts.sort();
        Self { contents, commits, left_out, artifacts }
    }

    /// Whether some file or link with exactly this content was saved.
    pub(super) fn has(&self, content: impl AsRef<[u8]>) -> bool {
        self.contents.contains(content.as_ref())
    }

    /// Whether this commit was saved.
    pub(super) fn has_commit(&self, id: &str) -> bool {
        self.commits.contains(id)
    }

    /// A file in the artifact of what was left out.
    pub(super) fn left_out(&self, path: &str) -> Option<&[u8]> {
        self.left_out.get(path).map(Vec::as_slice)
    }
}

/// The repositories of the server.
pub(super) fn remotes(run: &Run) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(run.bare().parent().unwrap()).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "git"))
}

/// The files and the links' targets in an archive.
fn unpacked(archive: &Path) -> HashMap<String, Vec<u8>> {
    let folder = TempDir::new().unwrap();
    let tar = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).output().unwrap();
    assert!(tar.status.success(), "{}", String::from_utf8_lossy(&tar.stderr));
    let mut files = HashMap::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_symlink() {
                files.insert(name, fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec());
            } else if kind.is_file() {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// All objects of a repository: id, kind and content.
fn objects(repository: &Path) -> Vec<(String, String, Vec<u8>)> {
    let all = bytes(repository, &["cat-file", "--batch-all-objects", "--unordered", "--batch"]);
    let (mut rest, mut objects) = (all.as_slice(), Vec::new());
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let words: Vec<_> = std::str::from_utf8(&rest[..end]).unwrap().split(' ').collect();
        let size: usize = words[2].parse().unwrap();
        let content = &rest[end + 1..][..size];
        objects.push((words[0].to_owned(), words[1].to_owned(), content.to_vec()));
        rest = &rest[end + size + 2..];
    }
    objects
}

/// What git prints, as it is.
pub(super) fn bytes(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("git");
    let output = command.args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").output();
    let output = output.unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
