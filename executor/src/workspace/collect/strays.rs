//! Commits that nothing names: they are found among all objects.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use api::executor::GitFailure;

use crate::workspace::{failure, sealed::Sealed};

/// How many commits are looked at.
const MOST: usize = 5_000;

/// The commits in one folder of objects that the other lacks, without the ancestors of such; the newest first.
pub(super) fn find(stage: &Path, theirs: &Path, ours: &Path) -> Result<Vec<String>, GitFailure> {
    let known: BTreeSet<_> = Sealed::object_files(ours).into_iter().collect();
    let unknown: Vec<_> =
        Sealed::object_files(theirs).into_iter().filter(|file| !known.contains(file)).collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let system = failure::system("making a folder for the work");
    let ours = Sealed::create(&stage.join("ours"), stage, &[ours.to_owned()]).map_err(&system)?;
    // Only what is not the executor's: a large repository has many objects.
    let own = stage.join("theirs");
    let git = Sealed::create(&own, stage, &[]).map_err(&system)?;
    borrow(theirs, &own.join("objects"), &unknown).map_err(system)?;
    let theirs = git;
    let format = "--batch-check=%(objecttype) %(objectname)";
    // Of a damaged folder git lists what it can.
    let listed = theirs.run(["cat-file", "--batch-all-objects", "--unordered", format], &[])?.stdout;
    let listed = String::from_utf8_lossy(&listed);
    let commits: String =
        listed.lines().filter_map(|line| line.strip_prefix("commit ")).map(|id| format!("{id}\n")).collect();
    // `ID missing`
    let lacking = ours.feed(["cat-file", "--batch-check"], commits.as_bytes())?;
    let lacking = String::from_utf8_lossy(&lacking).into_owned();
    let lacking = lacking.lines().filter_map(|line| line.strip_suffix(" missing")).take(MOST);
    let mut dates = BTreeMap::new();
    let mut parents = BTreeSet::new();
    for id in lacking {
        let Ok(content) = theirs.read(["cat-file", "commit", id]) else { continue };
        let content = String::from_utf8_lossy(&content);
        let head = || content.lines().take_while(|line| !line.is_empty());
        parents.extend(head().filter_map(|line| line.strip_prefix("parent ")).map(str::to_owned));
        // `committer NAME <ADDRESS> SECONDS ZONE`
        let date = head().find_map(|line| line.strip_prefix("committer ")?.rsplit(' ').nth(1)?.parse().ok());
        dates.insert(id.to_owned(), date.unwrap_or(0_u64));
    }
    let mut tips: Vec<_> = dates.into_iter().filter(|(id, _)| !parents.contains(id)).collect();
    tips.sort_by_key(|(_, date)| std::cmp::Reverse(*date));
    Ok(tips.into_iter().map(|(id, _)| id).collect())
}

/// Puts links to files of objects into a folder of ours.
fn borrow(from: &Path, to: &Path, files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        let target = to.join(file);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        symlink(from.join(file), target)?;
    }
    Ok(())
}
