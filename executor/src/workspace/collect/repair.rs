//! A repository's folder as git can use it: what its owner has shut is opened, what a killed git left behind and
//! what git would wait for without end is taken away.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// How deep the folders of a repository are looked through.
const DEPTH: usize = 40;
/// What git keeps in a repository's folder, and what is opened in it: whatever else is there may be somebody's.
const PARTS: [&str; 7] = ["objects", "refs", "logs", "info", "worktrees", "reftable", "hooks"];
/// What the owner needs in a folder, and of a file.
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// Objects are never written again.
const OBJECT: u32 = 0o400;

/// Opens what its owner has shut.
pub(super) fn open(git_dir: &Path) {
    add(git_dir, FOLDER);
    for entry in fs::read_dir(git_dir).into_iter().flatten().flatten() {
        let (name, place) = (entry.file_name(), entry.path());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && PARTS.iter().any(|part| name == *part) => {
                open_all(&place, if name == "objects" { OBJECT } else { FILE }, DEPTH);
            }
            Ok(kind) if kind.is_file() => add(&place, FILE),
            _ => {}
        }
    }
}

fn open_all(folder: &Path, file: u32, depth: usize) {
    add(folder, FOLDER);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && 0 < depth => open_all(&entry.path(), file, depth - 1),
            Ok(kind) if kind.is_file() => add(&entry.path(), file),
            _ => {}
        }
    }
}

/// Gives the owner these rights. What is somebody else's stays as it is, and is missed when it is used.
fn add(place: &Path, bits: u32) {
    let Ok(known) = fs::symlink_metadata(place) else { return };
    let mode = known.permissions().mode() & 0o7777;
    if mode & bits != bits && !known.is_symlink() {
        let _ = fs::set_permissions(place, Permissions::from_mode(mode | bits));
    }
}

/// Takes away locks: no git of the agent's runs any more. And pipes, which a git would read from without end.
pub(super) fn unlock(git_dir: &Path) {
    unlock_in(git_dir, 0);
    for folder in ["refs", "logs"] {
        unlock_in(&git_dir.join(folder), DEPTH);
    }
    unlock_in(&git_dir.join("objects/info"), 0);
}

fn unlock_in(folder: &Path, depth: usize) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let is_lock = entry.file_name().as_encoded_bytes().ends_with(b".lock");
        if kind.is_dir() {
            if 0 < depth {
                unlock_in(&entry.path(), depth - 1);
            }
        } else if is_lock || !(kind.is_file() || kind.is_symlink()) {
            // One that stays is missed when git is tried.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes room for a file: where one of its folders should be, nothing else may stand, and no folder in its place.
pub(super) fn make_way(root: &Path, file: &Path) {
    for place in file.ancestors().skip(1).take_while(|place| *place != root && place.starts_with(root)) {
        if place.symlink_metadata().is_ok_and(|known| !known.is_dir()) && !place.is_dir() {
            let _ = fs::remove_file(place);
        }
    }
    if file.symlink_metadata().is_ok_and(|known| known.is_dir()) {
        // Only one that is empty or git's own goes: references in it are somebody's.
        let _ = fs::remove_dir(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shut_is_opened_and_locks_and_pipes_go() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join("git");
        for name in ["refs/heads/a", "objects/aa", "other"] {
            fs::create_dir_all(git.join(name)).unwrap();
        }
        for name in
            ["HEAD", "HEAD.lock", "refs/heads/a/b", "refs/heads/a/b.lock", "objects/aa/bb", "other/x.lock"]
        {
            fs::write(git.join(name), "x").unwrap();
        }
        nix::unistd::mkfifo(&git.join("config"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let set =
            |name: &str, mode| fs::set_permissions(git.join(name), Permissions::from_mode(mode)).unwrap();
        let mode = |name: &str| git.join(name).metadata().unwrap().permissions().mode() & 0o777;
        set("HEAD", 0o444);
        set("objects/aa/bb", 0o044);
        set("objects/aa", 0);
        set("other", 0o500);
        set("", 0);
        open(&git);
        assert_eq!((mode("HEAD"), mode("objects/aa/bb"), mode("objects/aa")), (0o644, 0o444, 0o700));
        assert_eq!(mode("other"), 0o500, "a folder that is not git's stays as it is");
        unlock(&git);
        for (name, is_there) in
            [("HEAD.lock", false), ("refs/heads/a/b.lock", false), ("config", false), ("other/x.lock", true)]
        {
            assert_eq!(git.join(name).exists(), is_there, "{name}");
        }
        make_way(&git, &git.join("refs/heads/a/b/c"));
        assert!(!git.join("refs/heads/a/b").exists() && git.join("refs/heads/a").is_dir());
    }
}
