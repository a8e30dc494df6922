//! What is left of a run beside its branch: what is kept and how to use it, what is in no commit, what was denied.

use api::run::{Artifact, NotCommitted, Run};

use super::words;

/// The most files that are listed.
const FILES: usize = 20;

/// Something that can be downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its name, which is the file's.
    pub(crate) name: String,
    /// Its size, and what is in it.
    pub(crate) what: String,
    /// What to do with the file; empty when that depends.
    pub(crate) command: String,
}

/// What is kept.
pub(crate) fn kept(run: &Run) -> Vec<Kept> {
    let row = |artifact: &Artifact| Kept {
        name: artifact.name.clone(),
        what: with(&words::bytes(artifact.bytes), &artifact.what),
        command: artifact.usage().unwrap_or_default(),
    };
    run.artifacts.iter().map(row).collect()
}

/// What is not on the branch and what was denied, a line each.
pub(crate) fn left(run: &Run) -> Vec<String> {
    let file = |file: &NotCommitted| {
        format!("{} is in no commit ({})", file.path, with(&words::bytes(file.bytes), &file.why))
    };
    let more = run.not_committed.len().saturating_sub(FILES);
    let files = run.not_committed.iter().take(FILES).map(file);
    let more = (0 < more)
        .then(|| format!("{more} more {} in no commit", if more == 1 { "file is" } else { "files are" }));
    files.chain(more).chain(run.denied.words()).collect()
}

fn with(size: &str, what: &str) -> String {
    if what.is_empty() { size.to_owned() } else { format!("{size} · {what}") }
}

#[cfg(test)]
mod tests {
    use api::run::{Denials, DeniedTool};

    use super::*;
    use crate::state::example;

    #[test]
    fn a_run_without_anything_left_shows_nothing() {
        let run = example::run(1);
        assert_eq!((kept(&run), left(&run)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_kept_comes_with_its_size_and_how_to_use_it() {
        let mut run = example::run(1);
        let artifact =
            |name: &str, what: &str| Artifact { name: name.to_owned(), bytes: 2048, what: what.to_owned() };
        run.artifacts = vec![artifact("left-out.tar.gz", "Large files."), artifact("x", "")];
        let shown = kept(&run);
        assert_eq!(shown[0].what, "2 KB · Large files.");
        assert_eq!(shown[0].command, "tar -xzf left-out.tar.gz");
        assert_eq!((shown[1].what.as_str(), shown[1].command.as_str()), ("2 KB", ""));
    }

    #[test]
    fn many_files_are_counted_and_what_was_denied_comes_last() {
        let mut run = example::run(1);
        let file = |n| NotCommitted { path: format!("f{n}"), bytes: 1, why: "It is large.".to_owned() };
        run.not_committed = (0..22).map(file).collect();
        run.denied =
            Denials { tools: vec![DeniedTool { name: "Bash".to_owned(), count: 2 }], ..Denials::default() };
        let lines = left(&run);
        assert_eq!(lines[0], "f0 is in no commit (1 bytes · It is large.)");
        assert_eq!(lines[20..], ["2 more files are in no commit", "Bash was denied 2 times"]);
    }
}
