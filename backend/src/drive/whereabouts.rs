//! Where a run's work is when it ends, in words; pure. "Nothing had to be changed" is said only when nothing was, and
//! an artifact is named only when it is there.

use api::run::{Reason, Run};

use super::End;
use crate::{app::talk::CHANGES, store::Work};

/// The artifact with what the agent had not committed.
pub(super) const UNCOMMITTED: &str = "uncommitted.patch";
/// The artifact with commits that were not pushed.
const UNPUSHED: &str = "branch.bundle";
/// The artifact with commits that are not on the run's branch.
const ELSEWHERE: &str = "elsewhere.bundle";
/// The artifact with all files, when nothing could be read as commits.
const WORKSPACE: &str = "workspace.tar.gz";

/// The most of a kind that are named one by one.
const NAMED: usize = 5;

/// The end of a run whose steps are all done.
pub(super) fn done(run: &Run, work: &Work) -> End {
    let left = beside_the_branch(run, work);
    if run.head_commit.is_some() {
        let detail = format!("All done; the work is on branch {}.", run.branch);
        let rest = if left.is_empty() { String::new() } else { format!(" Not on it: {}.", left.join("; ")) };
        return End::new(Reason::Completed, detail + &rest);
    }
    let mut why = shortened(run.denied.words(), "more tools and hosts were denied");
    why.extend(left);
    match listed(&why) {
        None => End::new(Reason::NoChanges, "All done; nothing had to be changed, so nothing was pushed."),
        Some(why) => End::new(Reason::AgentStopped, format!("Nothing was changed on the branch, but {why}.")),
    }
}

/// The detail of a run that did not finish: what happened, then where its work is.
pub(super) fn stopped(run: &Run, work: &Work, detail: &str) -> String {
    let mut places = Vec::new();
    if run.head_commit.is_some() {
        places.push(format!("branch {} has what was pushed", run.branch));
    }
    let kept = [
        (UNPUSHED, "the commits that were not pushed"),
        (UNCOMMITTED, "what was not committed"),
        (WORKSPACE, "all files of the workspace"),
    ];
    let kept = kept.into_iter().filter(|(name, _)| has(run, name));
    places.extend(kept.map(|(name, what)| format!("{name} has {what}{}", but_for(work, name))));
    if places.is_empty() && has(run, CHANGES) {
        places.push(format!("{CHANGES} has everything since the base commit{}", but_for(work, CHANGES)));
    }
    places.extend(beside_the_branch(run, work));
    let Some(places) = listed(&places) else { return detail.to_owned() };
    let sentence = if detail.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    let get = if run.artifacts.is_empty() {
        String::new()
    } else {
        format!(" Get an artifact with `caisson runs artifact {} NAME`.", run.id)
    };
    format!("{detail}{sentence} Of its work, {places}.{get}")
}

/// How people are told that the run's commits did not reach its branch.
pub(super) fn unpushed(run: &Run, work: &Work, why: &str) -> String {
    let place = if has(run, UNPUSHED) {
        format!("; {UNPUSHED} has them")
    } else if has(run, CHANGES) {
        format!("; {CHANGES} has their changes{}", but_for(work, CHANGES))
    } else {
        ", nor kept".to_owned()
    };
    format!("The run's commits could not be pushed ({}){place}.", why.trim().trim_end_matches('.'))
}

/// Work that is not on the branch: `branch feature has 2 commits (in elsewhere.bundle)`.
fn beside_the_branch(run: &Run, work: &Work) -> Vec<String> {
    let kept = if has(run, ELSEWHERE) { format!("in {ELSEWHERE}") } else { "not kept".to_owned() };
    let elsewhere = work.elsewhere.iter().map(|it| {
        let commits = if it.commits == 1 { "1 commit".to_owned() } else { format!("{} commits", it.commits) };
        format!("{} has {commits} ({kept})", it.place)
    });
    let mut paths: Vec<_> = work.outside.values().collect();
    paths.sort_unstable();
    paths.dedup();
    let outside = paths.into_iter().map(|path| format!("{path} was written outside the repository"));
    let left_out = work
        .not_committed
        .iter()
        .map(|it| format!("{} is in no commit ({})", it.path, it.why.trim().trim_end_matches('.')));
    [
        shortened(elsewhere.collect(), "more places have commits"),
        shortened(outside.collect(), "more files were written outside the repository"),
        shortened(left_out.collect(), "more files are in no commit"),
    ]
    .concat()
}

/// What a patch lacks.
pub(super) fn but_for(work: &Work, patch: &str) -> String {
    match work.cut.get(patch) {
        None | Some(0) => String::new(),
        Some(1) => " but for 1 file that is too large for a patch".to_owned(),
        Some(files) => format!(" but for {files} files that are too large for a patch"),
    }
}

fn has(run: &Run, name: &str) -> bool {
    run.artifacts.iter().any(|artifact| artifact.name == name)
}

/// The first few, and how many more there are.
fn shortened(mut all: Vec<String>, more: &str) -> Vec<String> {
    let rest = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    all.extend((0 < rest).then(|| format!("{rest} {more}")));
    all
}

/// `a, b, and c`; nothing of nothing.
fn listed(all: &[String]) -> Option<String> {
    match all {
        [] => None,
        [one] => Some(one.clone()),
        [one, other] => Some(format!("{one}, and {other}")),
        [first @ .., last] => Some(format!("{}, and {last}", first.join(", "))),
    }
}

#[cfg(test)]
mod tests;
