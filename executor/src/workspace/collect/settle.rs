//! Brings the agent's repository to where its work was taken to, so that the next step goes on from there.

mod fresh;
mod lend;
mod usable;

use std::{fs, io, os::unix::ffi::OsStrExt, path::Path};

use api::executor::GitFailure;

pub(in crate::workspace) use fresh::make_repository;
pub(in crate::workspace) use lend::{give_back, lend};

use self::usable::{is_usable, mend};
use super::{
    files::Files,
    objects::copy_objects,
    repair,
    stage::Stage,
    theirs::{Head, Theirs},
    walk,
};
use crate::{
    git::{Answer, Settle},
    workspace::{failure, report::Report},
};

/// What git has in its folder while a merge is under way.
const OVER: [&str; 4] = ["MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "SQUASH_MSG"];

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
    // Git looks at the files once more.
    let files = Files::of(&asked.workspace);
    walk::look(&files, report);
    let theirs = Theirs::of(&asked.workspace).filter(|theirs| !asked.replace && !theirs.has_reftables());
    if let Some(theirs) = theirs {
        repair::unlock(&theirs.git_dir);
        repair::unlock(&theirs.common);
        if theirs.head_commit() != Some(head) || !asked.is_clean {
            move_files(stage, asked, head)?;
            // What fails here shows when the repository is tried.
            let _ = move_head(stage, asked, head, &theirs);
        }
        if is_usable(&asked.workspace, &theirs, head) {
            return Ok(());
        }
        mend(stage, &asked.vault, &theirs);
        copy_objects(&asked.vault.join("objects"), &theirs.objects());
        let _ = move_head(stage, asked, head, &theirs);
        if is_usable(&asked.workspace, &theirs, head) {
            return Ok(());
        }
    }
    fresh::replace(asked, head, report)?;
    let git_dir = asked.workspace.join(".git");
    copy_objects(&stage.git.git_dir.join("objects"), &git_dir.join("objects"));
    index(stage, asked, head, &git_dir)
}

/// Makes the files follow: what is merged in is checked out, what the agent did is in the merge.
fn move_files(stage: &Stage, asked: &Settle, head: &str) -> Result<(), GitFailure> {
    if head == asked.own {
        return Ok(());
    }
    stage.git.holds(["update-index", "-q", "--refresh"], &[]);
    stage.git.read(["read-tree", "-m", "-u", &asked.own, head]).map(drop)
}

/// Moves the agent's branch and index to a commit.
fn move_head(stage: &Stage, asked: &Settle, head: &str, theirs: &Theirs) -> Result<(), GitFailure> {
    copy_objects(&stage.git.git_dir.join("objects"), &theirs.objects());
    if head != asked.own {
        copy_objects(&asked.vault.join("objects"), &theirs.objects());
    }
    let branch = match &theirs.head {
        Head::Branch(name) if head == asked.own && name.starts_with("refs/heads/") => Some(name.clone()),
        Head::Detached(_) if head == asked.own => None,
        _ => asked.branch.as_ref().map(|branch| format!("refs/heads/{branch}")),
    };
    let system = failure::system("writing the workspace's references");
    for log in ["HEAD"].into_iter().chain(branch.as_deref()) {
        repair::make_way(&theirs.git_dir, &theirs.git_dir.join("logs").join(log));
        repair::make_way(&theirs.common, &theirs.common.join("logs").join(log));
    }
    match branch {
        Some(name) => {
            write(&theirs.common, &name, head).map_err(&system)?;
            write(&theirs.git_dir, "HEAD", &format!("ref: {name}")).map_err(&system)?;
        }
        None => write(&theirs.git_dir, "HEAD", head).map_err(&system)?,
    }
    for name in OVER {
        // Over with this commit; most of them are not there.
        let _ = fs::remove_file(theirs.git_dir.join(name));
    }
    index(stage, asked, head, &theirs.git_dir)
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
    fs::rename(place, there).map_err(failure::system("writing the workspace's index"))
}

/// Writes one line in the place of what is there.
fn write(git_dir: &Path, name: &str, line: &str) -> io::Result<()> {
    let file = git_dir.join(name);
    repair::make_way(git_dir, &file);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = git_dir.join("caisson-part");
    fs::write(&part, format!("{line}\n"))?;
    fs::rename(part, file)
}
