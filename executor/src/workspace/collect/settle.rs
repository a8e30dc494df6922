//! Brings the agent's repository to where its work was taken to, so that the next step goes on from there.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::{Command, Stdio},
};

use api::executor::{GitFailure, GitFailureCode as Code};
use git2::Repository;

use super::{
    stage::Stage,
    theirs::{Head, Theirs},
};
use crate::{
    git::{Answer, Settle, relay_url},
    workspace::{checkout::remember_remote, failure, report::Report, sealed::Sealed},
};

/// Does it, and takes the stage away.
pub(in crate::workspace) fn settle(asked: &Settle, report: &Report) -> Result<Answer, GitFailure> {
    let stage = Stage::open(&asked.stage, &asked.workspace).beside(&asked.workspace, "index");
    let done = match &asked.head {
        Some(head) => bring(&stage, asked, head, report),
        None => Ok(()),
    };
    stage.remove();
    done.map(|()| Answer::Done)
}

fn bring(stage: &Stage, asked: &Settle, head: &str, report: &Report) -> Result<(), GitFailure> {
    let theirs = Theirs::of(&asked.workspace).filter(|_| !asked.replace);
    let Some(theirs) = theirs else { return replace(stage, asked, head, report) };
    if theirs.head_commit() != Some(head) || !asked.is_clean {
        move_on(stage, asked, head, &theirs)?;
    }
    if is_usable(&asked.workspace, head) {
        return Ok(());
    }
    copy_objects(&stage.git.git_dir.join("objects"), &theirs.objects());
    copy_objects(&asked.vault.join("objects"), &theirs.objects());
    // What cannot be mended is replaced.
    let _ = index(stage, asked, head, &theirs.git_dir);
    if is_usable(&asked.workspace, head) { Ok(()) } else { replace(stage, asked, head, report) }
}

/// Moves the agent's branch and index to a commit, and the files where it has others.
fn move_on(stage: &Stage, asked: &Settle, head: &str, theirs: &Theirs) -> Result<(), GitFailure> {
    copy_objects(&stage.git.git_dir.join("objects"), &theirs.objects());
    if head != asked.own {
        // The files follow: what is merged in is checked out, what the agent did is in the merge.
        copy_objects(&asked.vault.join("objects"), &theirs.objects());
        stage.git.holds(["update-index", "-q", "--refresh"], &[]);
        stage.git.read(["read-tree", "-m", "-u", &asked.own, head])?;
    }
    let branch = match &theirs.head {
        Head::Branch(name) if head == asked.own => Some(name.clone()),
        Head::Detached(_) if head == asked.own => None,
        _ => asked.branch.as_ref().map(|branch| format!("refs/heads/{branch}")),
    };
    let system = failure::system("writing the workspace's references");
    match branch {
        Some(name) => {
            write(&theirs.common.join(&name), head).map_err(&system)?;
            write(&theirs.git_dir.join("HEAD"), &format!("ref: {name}")).map_err(&system)?;
        }
        None => write(&theirs.git_dir.join("HEAD"), head).map_err(&system)?,
    }
    for name in ["MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "SQUASH_MSG", "index.lock", "HEAD.lock"] {
        // Over with this commit; most of them are not there.
        let _ = fs::remove_file(theirs.git_dir.join(name));
    }
    index(stage, asked, head, &theirs.git_dir)
}

/// Whether git as the agent will use it finds its settings, its index and all files of the commit.
fn is_usable(workspace: &Path, head: &str) -> bool {
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]).args(words);
        command.current_dir(workspace).env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(Stdio::null());
        command.env("GIT_CEILING_DIRECTORIES", workspace.parent().unwrap_or(workspace)).output().ok()
    };
    let is_at = git(&["rev-parse", "HEAD"]).is_some_and(|said| said.stdout.trim_ascii() == head.as_bytes());
    let listed = is_at.then(|| git(&["ls-tree", "-r", "-l", "HEAD"])).flatten();
    // Objects that are not there have the size `BAD`.
    let is_whole = listed.is_some_and(|listed| {
        let size = |line: &[u8]| {
            line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).nth(3)
                == Some(b"BAD")
        };
        listed.status.success() && !listed.stdout.split(|byte| *byte == b'\n').any(size)
    });
    is_whole
        && git(&["rev-list", "--quiet", "HEAD"]).is_some_and(|said| said.status.success())
        && git(&["diff-index", "--cached", "--quiet", "HEAD"])
            .is_some_and(|said| said.status.code() == Some(0))
}

/// Puts a fresh repository in the place of one that cannot be used. The files stay.
fn replace(stage: &Stage, asked: &Settle, head: &str, report: &Report) -> Result<(), GitFailure> {
    set_aside(&asked.workspace, &asked.home);
    make_repository(asked, head, report)?;
    let git_dir = asked.workspace.join(".git");
    copy_objects(&stage.git.git_dir.join("objects"), &git_dir.join("objects"));
    index(stage, asked, head, &git_dir)
}

/// Makes the agent's index agree with the commit and the files.
fn index(stage: &Stage, asked: &Settle, head: &str, git_dir: &Path) -> Result<(), GitFailure> {
    let place = git_dir.join("index.caisson");
    let git = stage.git.with_index(&place);
    git.read(["read-tree", head])?;
    let hidden: Vec<u8> =
        asked.hidden.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
    // A path that the commit does not have cannot be marked, and need not be.
    git.holds(["update-index", "-z", "--skip-worktree", "--stdin"], &hidden);
    git.holds(["update-index", "-q", "--refresh"], &[]);
    let there = git_dir.join("index");
    if there.is_dir() {
        // Whatever made it one: git cannot use it.
        let _ = fs::remove_dir_all(&there);
    }
    fs::rename(place, git_dir.join("index")).map_err(failure::system("writing the workspace's index"))
}

/// Moves a repository that is of no use out of the way. Its commits are in the executor's own.
fn set_aside(workspace: &Path, home: &Path) {
    let git = workspace.join(".git");
    let aside =
        tempfile::Builder::new().prefix(".replaced-git-").tempdir_in(home).map(tempfile::TempDir::keep);
    let moved = aside.and_then(|aside| fs::rename(&git, aside.join("git")));
    if moved.is_err() {
        // On another volume it is taken away in place.
        let removed = if git.is_dir() { fs::remove_dir_all(&git) } else { fs::remove_file(&git) };
        if let Err(error) = removed {
            tracing::debug!(%error, "a replaced repository is in the way");
        }
    }
}

/// A fresh repository around the files that are there, with everything the executor's own one has.
pub(in crate::workspace) fn make_repository(
    asked: &Settle,
    head: &str,
    report: &Report,
) -> Result<(), GitFailure> {
    let git = |error: git2::Error| failure::of(&error);
    let system = failure::system("making the workspace's repository");
    let repository = Repository::init(&asked.workspace).map_err(git)?;
    let folder = repository.path().to_owned();
    copy_objects(&asked.vault.join("objects"), &folder.join("objects"));
    report.alive();
    let vault = Theirs::bare(&asked.vault);
    let kept = |name: &&String| name.starts_with("refs/remotes/") || name.starts_with("refs/tags/");
    let mut packed = String::from("# pack-refs with: sorted \n");
    for name in vault.refs.keys().filter(kept) {
        packed.push_str(&format!("{} {name}\n", vault.refs[name]));
    }
    fs::write(folder.join("packed-refs"), packed).map_err(&system)?;
    match fs::copy(asked.vault.join("shallow"), folder.join("shallow")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(system(error)),
        _ => {}
    }
    let url = relay_url(asked.relay, &asked.repository)?;
    remember_remote(&repository, &asked.repository, &url, asked.only.as_deref()).map_err(git)?;
    let Some(branch) = &asked.branch else { return write(&folder.join("HEAD"), head).map_err(system) };
    let name = format!("refs/heads/{branch}");
    if !git2::Reference::is_valid_name(&name) {
        return Err(failure::new(Code::Other, format!("branch: {branch:?} is not the name of a branch")));
    }
    write(&folder.join(&name), head).map_err(&system)?;
    write(&folder.join("HEAD"), &format!("ref: {name}")).map_err(system)
}

/// Copies the objects that are not there yet; what cannot be copied is missed when it is used.
fn copy_objects(from: &Path, to: &Path) {
    let files = Sealed::object_files(from);
    // The index of a pack last: git takes a pack for whole when its index is there.
    let (late, early): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.extension().is_some_and(|end| end == "idx"));
    for file in early.into_iter().chain(late) {
        let target = to.join(&file);
        if target.exists() {
            continue;
        }
        let copied = copy(&from.join(&file), &target).or_else(|_| {
            // Its owner may have shut the folder.
            target.ancestors().skip(1).take(2).for_each(open);
            copy(&from.join(&file), &target)
        });
        if let Err(error) = copied {
            tracing::debug!(%error, "an object could not be copied");
        }
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    to.parent().map_or(Ok(()), fs::create_dir_all)?;
    let part = to.with_extension("caisson");
    fs::copy(from, &part)?;
    fs::rename(part, to)
}

fn open(folder: &Path) {
    if let Ok(known) = folder.metadata() {
        let mode = known.permissions().mode() | 0o700;
        // One that cannot be opened is told by the copy that fails.
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(mode));
    }
}

/// Writes one line in the place of what is there.
fn write(file: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = file.with_extension("caisson-part");
    fs::write(&part, format!("{line}\n"))?;
    fs::rename(part, file)
}
