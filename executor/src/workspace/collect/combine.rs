//! How the agent's newest commit and what an earlier step pushed become one line of work.

use api::executor::{GitFailure, Objection, ObjectionKind};

use super::{
    half_done::named,
    stage::{Author, Stage},
};

/// What becomes the head of the run's work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Combined {
    /// The agent's commit: it has everything that was pushed.
    Theirs,
    /// What was pushed: the agent's commit is in it.
    Pushed,
    /// A merge of both.
    Merged(String),
    /// They cannot be merged.
    Diverged(Objection),
}

/// Combines the newest pushed commit, or the base, with the agent's.
pub(super) fn combine(
    stage: &Stage,
    pushed: &str,
    theirs: &str,
    author: Author<'_>,
) -> Result<Combined, GitFailure> {
    if stage.is_ancestor(pushed, theirs) {
        return Ok(Combined::Theirs);
    }
    if stage.is_ancestor(theirs, pushed) {
        return Ok(Combined::Pushed);
    }
    let merged = stage.git.run(["merge-tree", "--write-tree", "--name-only", "-z", pushed, theirs], &[])?;
    // The tree, then the files with conflicts, then nothing, then words.
    let mut said =
        merged.stdout.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    let tree = said.next().unwrap_or_default();
    if merged.status.success() {
        // A rewrite that lost nothing: amended, squashed or rebased.
        if tree == stage.tree_of(theirs)? {
            return Ok(Combined::Theirs);
        }
        let message = "Merge the work of an earlier step";
        return Ok(Combined::Merged(stage.commit(&tree, &[pushed, theirs], message, author)?));
    }
    let mut files: Vec<String> = said.take_while(|name| !name.is_empty()).collect();
    files.dedup();
    let files = if files.is_empty() { String::new() } else { format!(" in {}", named(files)) };
    let text = format!(
        "Your branch lacks commits that an earlier step has pushed (up to {pushed}), and they conflict with your \
         new ones{files}. Bring both together: `git merge {pushed}`. If your commits replace them on purpose: \
         `git merge -s ours {pushed}`."
    );
    Ok(Combined::Diverged(Objection { kind: ObjectionKind::Diverged, text }))
}
