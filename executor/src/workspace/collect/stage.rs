//! The stage: a folder of the agent's user in which a worker puts commits together. It borrows the objects of the
//! executor's repository and of the agent's, and writes to neither.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
};

use api::executor::GitFailure;

use super::{
    files::Files,
    theirs::{Theirs, is_id, read_small},
};
use crate::{
    git::failed,
    workspace::{failure, sealed::Sealed},
};

/// Who makes commits.
#[derive(Clone, Copy)]
pub(super) struct Author<'a> {
    pub(super) name: &'a str,
    pub(super) email: &'a str,
}

/// Git in the stage, looking at one folder of files, which is open to its owner for as long as this lives.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) folder: PathBuf,
    pub(super) git: Sealed,
    open: Rc<Files>,
}

impl Stage {
    /// Makes one in the first of these folders that takes it.
    pub(super) fn create(
        within: &[&Path],
        work_tree: &Path,
        objects: &[PathBuf],
    ) -> Result<Self, GitFailure> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in within {
            match Self::create_in(place, work_tree, objects) {
                Ok(stage) => return Ok(stage),
                Err(error) => last = error,
            }
        }
        Err(failure::system("making a folder for the work")(last))
    }

    /// Lets git find the objects of a repository as well.
    pub(super) fn borrow_objects(&self, theirs: &Theirs) -> Result<(), GitFailure> {
        self.git.borrow_objects(&theirs.objects()).map_err(failure::system("making a folder for the work"))
    }

    /// Takes over where the histories of these repositories end: a shallow clone has no commits before that.
    /// The first is the executor's; of the agent's only what is true is taken over.
    pub(super) fn end_history_at(
        &self,
        ours: Option<&Path>,
        theirs: Option<&Path>,
    ) -> Result<(), GitFailure> {
        let read = |folder: &Path| {
            let text = read_small(&folder.join("shallow")).unwrap_or_default();
            let ids: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
            ids.into_iter().filter(|id| is_id(id)).collect::<BTreeSet<_>>()
        };
        let mut ends = ours.map(read).unwrap_or_default();
        for id in theirs.map(read).unwrap_or_default() {
            if !ends.contains(&id) && self.lacks_parents(&id) {
                ends.insert(id);
            }
        }
        if ends.is_empty() {
            return Ok(());
        }
        let lines: String = ends.iter().map(|id| format!("{id}\n")).collect();
        fs::write(self.git.git_dir.join("shallow"), lines)
            .map_err(failure::system("making a folder for the work"))
    }

    /// Whether a commit is there, and one of its parents is not.
    fn lacks_parents(&self, commit: &str) -> bool {
        let Ok(content) = self.git.read(["cat-file", "commit", commit]) else { return false };
        let content = String::from_utf8_lossy(&content).into_owned();
        let head = content.lines().take_while(|line| !line.is_empty());
        head.filter_map(|line| line.strip_prefix("parent "))
            .any(|id| !self.git.holds(["cat-file", "-e", id], &[]))
    }

    fn create_in(place: &Path, work_tree: &Path, objects: &[PathBuf]) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(".caisson-").tempdir_in(place)?.keep();
        let git = Sealed::create(&folder.join("git"), work_tree, objects)?;
        Ok(Self { folder, git, open: Rc::new(Files::opened(work_tree)) })
    }

    /// One that an earlier worker has made.
    pub(super) fn open(folder: &Path, work_tree: &Path) -> Self {
        let git = Sealed::at(&folder.join("git"), work_tree);
        Self { folder: folder.to_owned(), git, open: Rc::new(Files::opened(work_tree)) }
    }

    /// The same, looking at other files, with an index of its own.
    pub(super) fn beside(&self, work_tree: &Path, name: &str) -> Self {
        let git = Sealed { work_tree: work_tree.to_owned(), ..self.git.with_index(&self.folder.join(name)) };
        let is_same = work_tree == self.git.work_tree;
        let open = if is_same { Rc::clone(&self.open) } else { Rc::new(Files::opened(work_tree)) };
        Self { folder: self.folder.clone(), git, open }
    }

    /// Takes the folder away.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!(%error, "a stage is left behind");
        }
    }

    /// The commit that an id names, through tags; `None` where it is none, or not all of it is there.
    pub(super) fn whole_commit(&self, id: &str, known: &[u8]) -> Option<String> {
        let commit = self.git.word(["rev-parse", "--verify", "--quiet", &format!("{id}^{{commit}}")]).ok()?;
        let tips = [commit.as_bytes(), b"\n", known].concat();
        let whole = is_id(&commit) && self.git.holds(["rev-list", "--objects", "--quiet", "--stdin"], &tips);
        whole.then_some(commit)
    }

    /// Whether one commit is the other or one of its ancestors.
    pub(super) fn is_ancestor(&self, one: &str, other: &str) -> bool {
        one == other || self.git.holds(["merge-base", "--is-ancestor", one, other], &[])
    }

    /// Whether two commits have a common ancestor.
    pub(super) fn are_related(&self, one: &str, other: &str) -> bool {
        one == other || self.git.holds(["merge-base", one, other], &[])
    }

    /// The tree of a commit.
    pub(super) fn tree_of(&self, commit: &str) -> Result<String, GitFailure> {
        self.git.word(["rev-parse", "--verify", &format!("{commit}^{{tree}}")])
    }

    /// How many commits `tip` has that these lack: lines of ids, each with `^`.
    ///
    /// # Errors
    /// When git cannot tell: then nobody may take it for none.
    pub(super) fn count(&self, tip: &str, without: &[u8]) -> Result<u64, GitFailure> {
        let tips = [tip.as_bytes(), b"\n", without].concat();
        let count = self.git.feed(["rev-list", "--count", "--stdin"], &tips)?;
        let count = String::from_utf8_lossy(&count);
        count.trim().parse().map_err(|_| failed(format!("git counts commits as {count:?}")))
    }

    /// Makes a commit of files that nobody has committed. The same files make the same commit each time.
    pub(super) fn commit_found(
        &self,
        tree: &str,
        parent: &str,
        message: &str,
        author: Author<'_>,
    ) -> Result<String, GitFailure> {
        let date = self.git.word(["log", "-1", "--format=%ct", parent]).unwrap_or_default();
        let date = date.parse::<u32>().unwrap_or(0).max(100_000_000);
        let git = Sealed { date: Some(format!("{date} +0000")), ..self.git.clone() };
        Self { git, ..self.clone() }.commit(tree, &[parent], message, author)
    }

    /// Makes a commit.
    pub(super) fn commit(
        &self,
        tree: &str,
        parents: &[&str],
        message: &str,
        author: Author<'_>,
    ) -> Result<String, GitFailure> {
        let mut arguments = vec!["commit-tree".to_owned(), tree.to_owned()];
        for parent in parents {
            arguments.extend(["-p".to_owned(), (*parent).to_owned()]);
        }
        let settings =
            [("user.name", author.name), ("user.email", author.email), ("i18n.commitEncoding", "UTF-8")];
        let mut words: Vec<String> = Vec::new();
        for (key, value) in settings {
            words.extend(["-c".to_owned(), format!("{key}={value}")]);
        }
        words.extend(arguments);
        // Git ends a message at a NUL.
        let message = message.replace('\0', "\u{fffd}");
        let commit = self.git.feed(words, message.as_bytes())?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        if is_id(&commit) { Ok(commit) } else { Err(failed("git made no commit".to_owned())) }
    }
}
