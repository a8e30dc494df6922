//! The agent's repository, read as plain files: its references, its HEAD, its stashes and linked worktrees.
//!
//! Git does not read it for us, because its settings are the agent's: they may be broken, odd or hostile.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use super::{reftables, repair};

/// How many references and lines of a log are read.
const MOST: usize = 20_000;
/// How deep folders of references may be.
const DEPTH: usize = 40;
/// How large a file of references may be, in bytes.
const LARGEST: u64 = 64 << 20;

/// Where `HEAD` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// On this branch, whether it has a commit or not.
    Branch(String),
    /// At a commit.
    Detached(String),
    /// Nowhere that can be read.
    Unreadable,
}

/// A repository's folder, and what its files say.
#[derive(Debug)]
pub(super) struct Theirs {
    /// The folder of this work tree's `HEAD` and index.
    pub(super) git_dir: PathBuf,
    /// The folder of objects and references; another one only in a linked worktree.
    pub(super) common: PathBuf,
    pub(super) head: Head,
    /// The branches, tags and others, by full name.
    pub(super) refs: BTreeMap<String, String>,
}

/// A worktree that is linked to a repository.
pub(super) struct Linked {
    pub(super) folder: PathBuf,
    pub(super) theirs: Theirs,
}

impl Theirs {
    /// The repository whose work tree this is. `None` when there is none.
    pub(super) fn of(work_tree: &Path) -> Option<Self> {
        let git_dir = git_dir_of(work_tree)?;
        repair::open(&git_dir);
        let common = match read_small(&git_dir.join("commondir")) {
            Ok(path) => git_dir.join(OsStr::from_bytes(path.trim_ascii())),
            Err(_) => git_dir.clone(),
        };
        if common != git_dir {
            repair::open(&common);
        }
        let mut theirs = Self { head: head(&git_dir), refs: refs(&common), git_dir, common };
        if theirs.has_reftables()
            && let Some(read) = reftables::read(&theirs)
        {
            (theirs.head, theirs.refs) = read;
        }
        Some(theirs)
    }

    /// Whether its references are in tables, which not every git can read.
    pub(super) fn has_reftables(&self) -> bool {
        self.common.join("reftable").is_dir()
    }

    /// Whether it has no logs that tell of commits which no reference has any more.
    pub(super) fn has_no_logs(&self) -> bool {
        let lacks = |log: &str| !self.common.join("logs").join(log).is_file();
        !self.git_dir.join("logs/HEAD").is_file()
            || self.refs.contains_key("refs/stash") && lacks("refs/stash")
    }

    /// A repository without a work tree.
    pub(super) fn bare(folder: &Path) -> Self {
        let git_dir = folder.to_owned();
        Self { head: head(&git_dir), refs: refs(&git_dir), common: git_dir.clone(), git_dir }
    }

    /// The folder of its objects.
    pub(super) fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    /// The commit that is checked out.
    pub(super) fn head_commit(&self) -> Option<&str> {
        match &self.head {
            Head::Branch(branch) => self.refs.get(branch).map(String::as_str),
            Head::Detached(commit) => Some(commit),
            Head::Unreadable => None,
        }
    }

    /// Whether its branch is one that never had a commit: not one whose file is damaged.
    pub(super) fn is_unborn(&self) -> bool {
        let Head::Branch(name) = &self.head else { return false };
        let has_trace = |place: PathBuf| place.join(name).symlink_metadata().is_ok();
        !self.refs.contains_key(name)
            && !has_trace(self.common.clone())
            && !has_trace(self.common.join("logs"))
    }

    /// The commits of the stash, newest first.
    pub(super) fn stashes(&self) -> Vec<String> {
        let mut all: Vec<_> =
            log(&self.common.join("logs/refs/stash")).into_iter().map(|line| line.commit).rev().collect();
        if self.has_reftables() {
            all = reftables::stashes(self);
        }
        match (self.refs.get("refs/stash"), all.first()) {
            (Some(newest), first) if first != Some(newest) => all.insert(0, newest.clone()),
            _ => {}
        }
        all
    }

    /// Commits that `HEAD` was at and that nothing replaced: not those that were amended or rebased.
    pub(super) fn left_behind(&self) -> Vec<String> {
        let lines = log(&self.git_dir.join("logs/HEAD"));
        let replaced = |at: usize| {
            let next = lines.get(at + 1).map(|line| line.message.as_str()).unwrap_or_default();
            next.starts_with("commit (amend)") || next.starts_with("rebase")
        };
        let own = |message: &str| {
            ["commit", "merge", "cherry-pick", "revert", "pull"].iter().any(|word| message.starts_with(word))
        };
        let kept = lines.iter().enumerate().filter(|(at, line)| own(&line.message) && !replaced(*at));
        kept.map(|(_, line)| line.commit.clone()).collect()
    }

    /// The worktrees that are linked to it.
    pub(super) fn linked(&self) -> Vec<Linked> {
        let folders = fs::read_dir(self.common.join("worktrees")).into_iter().flatten().flatten();
        let linked = folders.take(MOST).filter_map(|entry| {
            let git_dir = entry.path();
            let file = read_small(&git_dir.join("gitdir")).ok()?;
            let file = git_dir.join(OsStr::from_bytes(file.trim_ascii()));
            let folder = file.parent()?.to_owned();
            let theirs =
                Self { head: head(&git_dir), refs: self.refs.clone(), common: self.common.clone(), git_dir };
            Some(Linked { folder, theirs })
        });
        linked.collect()
    }
}

/// The folder that `.git` is or names.
fn git_dir_of(work_tree: &Path) -> Option<PathBuf> {
    let place = work_tree.join(".git");
    let kind = fs::metadata(&place).ok()?;
    if kind.is_dir() {
        return Some(place);
    }
    let text = read_small(&place).ok().filter(|text| text.len() < 8192)?;
    let path = text.strip_prefix(b"gitdir:")?.trim_ascii();
    Some(work_tree.join(OsStr::from_bytes(path))).filter(|folder| folder.is_dir())
}

fn head(git_dir: &Path) -> Head {
    let text = text(&git_dir.join("HEAD"));
    match (text.strip_prefix("ref:").map(str::trim), text.trim()) {
        (Some(name), _) if is_name(name) && !name.contains("/.") => Head::Branch(name.to_owned()),
        (None, id) if is_id(id) => Head::Detached(id.to_owned()),
        _ => Head::Unreadable,
    }
}

/// Loose references hide packed ones of the same name.
fn refs(common: &Path) -> BTreeMap<String, String> {
    let packed = text(&common.join("packed-refs"));
    let packed = packed.lines().filter_map(|line| {
        let (id, name) = line.split_once(' ')?;
        (is_id(id) && is_name(name)).then(|| (name.to_owned(), id.to_owned()))
    });
    let mut all: BTreeMap<_, _> = packed.take(MOST).collect();
    loose(common, Path::new("refs"), DEPTH, &mut all);
    all
}

fn loose(common: &Path, folder: &Path, depth: usize, all: &mut BTreeMap<String, String>) {
    let entries = fs::read_dir(common.join(folder)).into_iter().flatten().flatten();
    for entry in entries {
        let name = folder.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && 0 < depth => loose(common, &name, depth - 1, all),
            Ok(kind) if kind.is_file() && all.len() < MOST => {
                let id = text(&entry.path());
                // A name beyond UTF-8 is read as well as it can be: only people see it.
                let name = String::from_utf8_lossy(name.as_os_str().as_bytes()).into_owned();
                if is_id(id.trim()) {
                    all.insert(name, id.trim().to_owned());
                }
            }
            _ => {}
        }
    }
}

struct Line {
    commit: String,
    message: String,
}

/// A reference's log, oldest line first.
fn log(file: &Path) -> Vec<Line> {
    let text = text(file);
    let lines = text.lines().filter_map(|line| {
        let (who, message) = line.split_once('\t').unwrap_or((line, ""));
        let commit = who.split(' ').nth(1).filter(|id| is_id(id))?;
        Some(Line { commit: commit.to_owned(), message: message.to_owned() })
    });
    let mut lines: Vec<_> = lines.collect();
    let surplus = lines.len().saturating_sub(MOST);
    lines.drain(..surplus);
    lines
}

/// A file's content, if it is one: a pipe would never end.
pub(super) fn read_small(file: &Path) -> io::Result<Vec<u8>> {
    let known = fs::metadata(file)?;
    if !known.is_file() || LARGEST < known.len() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    fs::read(file)
}

fn text(file: &Path) -> String {
    String::from_utf8_lossy(&read_small(file).unwrap_or_default()).into_owned()
}

/// A full id of SHA-1, and not the one of nothing.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

fn is_name(name: &str) -> bool {
    name.starts_with("refs/") && !name.contains("..") && !name.contains(char::is_control)
}

/// A path in bytes, as git prints it.
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    #[test]
    fn a_repository_is_read_whatever_its_settings_say() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        for name in ["refs/heads/a", "logs/refs", "worktrees/x"] {
            fs::create_dir_all(git.join(name)).unwrap();
        }
        fs::write(git.join("config"), "[core\n broken").unwrap();
        fs::write(git.join("HEAD"), "ref: refs/heads/a/b\n").unwrap();
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{ONE} refs/heads/a/b\n{ONE} refs/tags/t\n"))
            .unwrap();
        fs::write(git.join("refs/heads/a/b"), format!("{TWO}\n")).unwrap();
        fs::write(git.join("refs/heads/a/odd"), "ref: refs/heads/other\n").unwrap();
        fs::write(git.join("worktrees/x/gitdir"), "/elsewhere/x/.git\n").unwrap();
        fs::write(git.join("worktrees/x/HEAD"), ONE).unwrap();
        fs::write(git.join("logs/refs/stash"), format!("{ONE} {TWO} A <a@b> 1 +0000\tOn a: b\n")).unwrap();
        let read = Theirs::of(folder.path()).unwrap();
        assert_eq!(read.head_commit(), Some(TWO));
        assert_eq!(read.refs.len(), 2);
        assert_eq!(read.stashes(), [TWO]);
        let linked = read.linked();
        assert_eq!(linked[0].folder, Path::new("/elsewhere/x"));
        assert_eq!(linked[0].theirs.head, Head::Detached(ONE.to_owned()));
    }

    #[test]
    fn commits_that_were_amended_or_rebased_are_not_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git/logs")).unwrap();
        let line = |id: &str, message: &str| format!("{ONE} {id} A <a@b> 1 +0000\t{message}\n");
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
        let log = [
            line(&a, "commit: one"),
            line(&b, "commit (amend): one"),
            line(&c, "commit: two"),
            line(ONE, "checkout: moving from x to y"),
        ];
        fs::write(folder.path().join(".git/logs/HEAD"), log.concat()).unwrap();
        fs::write(folder.path().join(".git/HEAD"), "nonsense").unwrap();
        let read = Theirs::of(folder.path()).unwrap();
        assert_eq!(read.left_behind(), [b, c]);
        assert_eq!((read.head.clone(), read.head_commit()), (Head::Unreadable, None));
    }
}
