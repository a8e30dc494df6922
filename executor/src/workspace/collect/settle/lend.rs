//! The repository that checks see: as it was fetched, with the run's commits from the executor's own repository. The
//! agent's references, settings, hooks and index say what the agent wants; they are put aside meanwhile.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use api::executor::GitFailure;

use super::{super::repair, make_repository};
use crate::{
    git::{Answer, Settle},
    workspace::{failure, report::Report, sealed::Sealed},
};

/// Where the agent's repository is: on its way, and then in the new one's folder, where no tool looks for files.
struct Places {
    git: PathBuf,
    on_its_way: PathBuf,
    aside: PathBuf,
}

impl Places {
    fn of(workspace: &Path, aside: &str) -> Self {
        let git = workspace.join(".git");
        Self { on_its_way: workspace.join(aside), aside: git.join(aside), git }
    }
}

/// Puts the agent's repository aside and a new one in its place, at the commit, with the files that are there and
/// those of the commit that are not.
pub(in crate::workspace) fn lend(asked: &Settle, aside: &str, report: &Report) -> Result<Answer, GitFailure> {
    let (places, system) = (Places::of(&asked.workspace, aside), "putting the repository aside");
    let head = asked.head.as_deref().unwrap_or_default();
    if places.git.symlink_metadata().is_ok() {
        fs::rename(&places.git, &places.on_its_way).map_err(failure::system(system))?;
    }
    let made = make_repository(asked, head, report).and_then(|()| files(&asked.workspace, head));
    if made.is_err() {
        give_back(&asked.workspace, aside)?;
    } else if places.on_its_way.symlink_metadata().is_ok() {
        fs::rename(&places.on_its_way, &places.aside).map_err(failure::system(system))?;
        // The repositories of submodules, where the agent has had git put them there.
        if places.aside.join("modules").is_dir() {
            let modules = Path::new(aside).join("modules");
            symlink(modules, places.git.join("modules")).map_err(failure::system(system))?;
        }
    }
    made.map(|()| Answer::Done)
}

/// Brings index and files together. What the agent hid from its repository is checked out as well.
fn files(workspace: &Path, head: &str) -> Result<(), GitFailure> {
    let git = Sealed::at(&workspace.join(".git"), workspace);
    git.read(["read-tree", head])?;
    // A file that is in the way stays, and one that cannot be written is missed by who needs it.
    git.holds(["checkout-index", "--all", "--quiet"], &[]);
    git.holds(["update-index", "-q", "--refresh"], &[]);
    Ok(())
}

/// Puts the agent's repository back, wherever it is. What the checks did in theirs is gone.
pub(in crate::workspace) fn give_back(workspace: &Path, aside: &str) -> Result<Answer, GitFailure> {
    let places = Places::of(workspace, aside);
    let there = |place: &Path| place.symlink_metadata().is_ok();
    let bring = || -> io::Result<()> {
        repair::open(&places.git);
        if there(&places.aside) {
            fs::rename(&places.aside, &places.on_its_way)?;
        }
        if !there(&places.on_its_way) {
            // The agent had none.
            return Ok(());
        }
        match fs::symlink_metadata(&places.git) {
            Ok(known) if known.is_dir() => fs::remove_dir_all(&places.git)?,
            Ok(_) => fs::remove_file(&places.git)?,
            Err(_) => {}
        }
        fs::rename(&places.on_its_way, &places.git)
    };
    bring().map_err(failure::system("putting the repository back"))?;
    Ok(Answer::Done)
}
