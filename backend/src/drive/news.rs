//! What an executor tells of the work beside the branch, as notices: each thing is told once a run; pure.

use api::{executor::CommitResult, run::NotCommitted};

use crate::store::Work;

/// The most files that are kept by name, and the most that one notice names.
const FILES: usize = 100;
const NAMED: usize = 20;
/// The most places with commits, and the most different notices.
const MAX: usize = 100;
/// The longest text, in characters.
const TEXT: usize = 2_000;

/// Takes over what is known now, and answers the notices about what was not known before.
pub(super) fn learn(work: &mut Work, done: CommitResult) -> Vec<String> {
    let CommitResult { not_committed, elsewhere, notices, .. } = done;
    let mut news = Vec::new();
    let new = not_committed.iter().filter(|file| !work.not_committed.contains(file));
    news.extend(left_out(&new.collect::<Vec<_>>()));
    for it in elsewhere.iter().filter(|it| !work.elsewhere.contains(it)) {
        let commits = if it.commits == 1 { "1 commit" } else { &format!("{} commits", it.commits) };
        news.push(format!("Not on the run's branch: {} has {commits}, up to {}.", it.place, it.commit));
    }
    for text in notices {
        if work.told.len() < MAX && !work.told.contains(&text) {
            work.told.push(text.clone());
            news.push(text);
        }
    }
    (work.not_committed, work.elsewhere) = (not_committed, elsewhere);
    news
}

/// As much of it as a run shows: an executor may say more than anybody reads.
pub(super) fn bound(done: &mut CommitResult) {
    let CommitResult { objections, not_committed, elsewhere, notices, .. } = done;
    if FILES < not_committed.len() {
        let rest = not_committed.split_off(FILES - 1);
        not_committed.push(NotCommitted {
            path: "…".to_owned(),
            bytes: rest.iter().fold(0, |sum, file| file.bytes.saturating_add(sum)),
            why: format!("{} more files are in no commit.", rest.len()),
        });
    }
    objections.truncate(NAMED);
    elsewhere.truncate(MAX);
    let texts = not_committed.iter_mut().flat_map(|it| [&mut it.path, &mut it.why]);
    let texts = texts.chain(elsewhere.iter_mut().map(|it| &mut it.place)).chain(notices);
    for text in texts.chain(objections.iter_mut().map(|it| &mut it.text)) {
        if let Some((end, _)) = text.char_indices().nth(TEXT) {
            text.replace_range(end.., "…");
        }
    }
}

fn left_out(files: &[&NotCommitted]) -> Option<String> {
    let named = files
        .iter()
        .take(NAMED)
        .map(|file| format!("\n{} ({} bytes): {}", file.path, file.bytes, file.why.trim()));
    let more = files.len().saturating_sub(NAMED);
    let more = if 0 < more { format!("\nand {more} more") } else { String::new() };
    (!files.is_empty()).then(|| format!("In no commit:{}{more}", named.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use api::executor::Elsewhere;

    use super::*;

    fn file(path: &str) -> NotCommitted {
        NotCommitted { path: path.to_owned(), bytes: 7, why: "It is too large.".to_owned() }
    }

    fn told(paths: &[&str], commits: u64) -> CommitResult {
        CommitResult {
            not_committed: paths.iter().map(|path| file(path)).collect(),
            elsewhere: vec![Elsewhere { place: "branch b".to_owned(), commit: "abc".to_owned(), commits }],
            notices: vec!["Two heads were merged.".to_owned()],
            ..CommitResult::default()
        }
    }

    #[test]
    fn each_thing_is_told_once_and_the_newest_state_is_kept() {
        let mut work = Work::default();
        let first = learn(&mut work, told(&["a"], 1));
        assert_eq!(
            first,
            [
                "In no commit:\na (7 bytes): It is too large.",
                "Not on the run's branch: branch b has 1 commit, up to abc.",
                "Two heads were merged."
            ]
        );
        assert_eq!(learn(&mut work, told(&["a"], 1)), [""; 0]);
        let second = learn(&mut work, told(&["a", "b"], 2));
        assert_eq!(
            second,
            [
                "In no commit:\nb (7 bytes): It is too large.",
                "Not on the run's branch: branch b has 2 commits, up to abc."
            ]
        );
        learn(&mut work, CommitResult::default());
        assert_eq!((work.not_committed.len(), work.elsewhere.len()), (0, 0), "they are on the branch now");
    }

    #[test]
    fn thousands_of_files_are_counted() {
        let mut work = Work::default();
        let paths: Vec<_> = (0..5_000).map(|n| n.to_string()).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let mut done = told(&paths, 1);
        bound(&mut done);
        let news = learn(&mut work, done);
        assert!(news[0].lines().count() < 30, "{}", news[0]);
        assert_eq!(work.not_committed.len(), FILES);
        let last = work.not_committed.last().unwrap();
        assert_eq!((last.bytes, last.why.as_str()), (4_901 * 7, "4901 more files are in no commit."));
    }

    #[test]
    fn a_text_without_end_is_cut_between_characters() {
        let mut done = told(&["a"], 1);
        done.notices = vec!["ä".repeat(1 << 20)];
        bound(&mut done);
        assert_eq!(done.notices[0].chars().count(), TEXT + 1);
    }
}
