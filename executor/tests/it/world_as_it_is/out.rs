//! `Out`: what a run has brought to its remote.

use std::{collections::BTreeMap, path::PathBuf};

use api::executor::CommitResult;

use super::{
    run::Run,
    saved::{bytes, remotes},
};

/// What a commit answered, and the remote after the push.
pub(super) struct Out {
    pub(super) result: CommitResult,
    /// How many commits were pushed.
    pub(super) commits: u64,
    pub(super) head: String,
    base: String,
    bare: PathBuf,
}

impl Out {
    /// Checks what must hold for every push.
    pub(super) fn new(run: &Run, result: CommitResult, commits: u64) -> Self {
        let head = result.head.clone().unwrap();
        let out = Self { result, commits, head, base: run.base.clone(), bare: run.bare() };
        let branch = run.remote("for-each-ref --format=%(objectname) refs/heads/caisson/run");
        let expected = if commits == 0 { "" } else { &out.head };
        assert_eq!(branch, expected, "the branch at the remote");
        for (path, entry) in out.tree() {
            // A commit of another repository must be one that somebody has.
            if let Some(id) = entry.strip_prefix("160000 commit ") {
                assert!(has_commit(run, id), "{path} is at {id}, which no remote has");
            }
        }
        out
    }

    /// What differs from the base: a letter and a path each, as git says it, in the order of their paths.
    pub(super) fn changes(&self) -> Vec<String> {
        let output =
            bytes(&self.bare, &["diff", "--no-renames", "--name-status", "-z", &self.base, &self.head]);
        let words: Vec<_> = output.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        words.chunks_exact(2).map(|pair| format!("{} {}", pair[0], pair[1])).collect()
    }

    /// A file's bytes.
    pub(super) fn file(&self, path: &str) -> Vec<u8> {
        bytes(&self.bare, &["cat-file", "blob", &format!("{}:{path}", self.head)])
    }

    /// A file's text.
    pub(super) fn text(&self, path: &str) -> String {
        String::from_utf8(self.file(path)).unwrap()
    }

    /// The files: mode, kind and id of each.
    pub(super) fn tree(&self) -> BTreeMap<String, String> {
        let output = bytes(&self.bare, &["ls-tree", "-r", "-z", &self.head]);
        let lines = String::from_utf8_lossy(&output);
        let lines = lines.split_terminator('\0').map(|line| line.split_once('\t').unwrap());
        lines.map(|(entry, path)| (path.to_owned(), entry.to_owned())).collect()
    }

    /// Whether this commit is part of the branch.
    pub(super) fn has(&self, commit: &str) -> bool {
        let list = bytes(&self.bare, &["rev-list", &self.head]);
        String::from_utf8(list).unwrap().lines().any(|line| line == commit)
    }

    /// How many parents the newest commit has.
    pub(super) fn parents(&self) -> usize {
        let line = bytes(&self.bare, &["rev-list", "--parents", "-n1", &self.head]);
        String::from_utf8(line).unwrap().split_whitespace().count() - 1
    }

    /// The files that are named as not committed.
    pub(super) fn not_committed(&self) -> Vec<&str> {
        let mut paths: Vec<_> = self.result.not_committed.iter().map(|left| left.path.as_str()).collect();
        paths.sort_unstable();
        paths
    }

    /// Where else work is.
    pub(super) fn places(&self) -> Vec<&str> {
        self.result.elsewhere.iter().map(|elsewhere| elsewhere.place.as_str()).collect()
    }
}

/// Whether a repository of the server has this commit.
fn has_commit(run: &Run, id: &str) -> bool {
    remotes(run).any(|path| {
        let mut git = std::process::Command::new("git");
        let git = git.args(["cat-file", "-e", id]).current_dir(path).output();
        git.unwrap().status.success()
    })
}
