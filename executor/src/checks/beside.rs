//! What the workspace holds beside the commit: a check that passes there may have passed because of it.

use std::{collections::BTreeSet, io, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::account::Account;

use super::clean::{Commit, Folder, said};

/// How long the comparison may take.
const TIME: Duration = Duration::from_secs(120);
/// How many are named.
const NAMED: usize = 3;
/// Lists what the commit has and the workspace lacks; after an empty entry what differs from the commit: changed
/// files first, then new ones, then what git ignores. A folder in which nothing is committed is named as one. Git
/// looks with the empty settings of the new repository, so none of the agent's filters and monitors runs. A nested
/// repository is not entered: it may have its own. Of a list without end the beginning is enough; git then ends with
/// the status 141 of a closed pipe.
const LIST: &str = r#"git read-tree "$commit"
export GIT_WORK_TREE="$4" GIT_DIR="$PWD/.git"
cd -- "$4"
set -o pipefail
changed() { git diff -z --name-only --no-ext-diff --no-textconv --ignore-submodules=all --diff-filter="$1"; }
{
    changed D && printf '\0' && changed d &&
    git ls-files -z --others --exclude-standard --directory --no-empty-directory &&
    git ls-files -z --others --ignored --exclude-standard --directory --no-empty-directory
} | head -c 1000000 || [ $? = 141 ]
"#;

/// The words that follow the verdict of a check that passed in the workspace; empty where it holds what is
/// committed and nothing else.
pub(super) async fn words(account: &Account, job: &str, commit: &Commit, stop: &CancellationToken) -> String {
    if !commit.has_repository() {
        return String::new();
    }
    let folder = Folder::new(account, job);
    let mut list = folder.git(commit, LIST);
    let listed = tokio::select! {
        output = list.output() => output.and_then(said),
        () = tokio::time::sleep(TIME) => Err(io::ErrorKind::TimedOut.into()),
        () = stop.cancelled() => Err(io::ErrorKind::Interrupted.into()),
    };
    if listed.is_err() {
        account.kill(job).await;
    }
    folder.remove().await;
    match listed {
        Ok(names) => say(&names),
        Err(error) => format!("; whether it saw files that are in no commit is not known: {error}"),
    }
}

/// Names the first few of both lists, whose entries end in NUL.
fn say(lists: &[u8]) -> String {
    let end = lists.windows(2).position(|two| two == b"\0\0").map_or(0, |at| at + 1);
    let (lacking, beside) = if lists.starts_with(b"\0") { (&[][..], lists) } else { lists.split_at(end) };
    let mut words = String::new();
    if let Some(names) = names(lacking) {
        words.push_str(&format!("; it could not see what is committed: {names}"));
    }
    if let Some(names) = names(beside) {
        words.push_str(&format!(
            "; it could see what is in no commit: {names} (`clean: true` judges the commit alone)"
        ));
    }
    words
}

fn names(list: &[u8]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty() && seen.insert(*name));
    let names: Vec<_> = names.map(|name| String::from_utf8_lossy(name).escape_debug().to_string()).collect();
    first_few(&names)
}

/// The first few of a list; `None` when there are none.
pub(crate) fn first_few(names: &[String]) -> Option<String> {
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let some = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!some.is_empty()).then(|| format!("{some}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_three_are_named_each_once_and_in_one_line() {
        assert_eq!(say(b"") + &say(b"\0"), "");
        assert_eq!(say(b"a\0\0"), "; it could not see what is committed: a");
        assert_eq!(
            say(b"a\0\0b\0"),
            "; it could not see what is committed: a; it could see what is in no commit: b (`clean: true` judges the \
             commit alone)"
        );
        assert!(say(b"\0a.rs\0").contains("in no commit: a.rs (`clean"));
        assert!(say(b"\0a\0b\0a\0c\0").contains("in no commit: a, b, c (`clean"));
        assert!(
            say(b"\0a\nb\0b\0target/\0d\0e\0").contains(r"in no commit: a\nb, b, target/ and 2 more (`clean")
        );
    }
}
