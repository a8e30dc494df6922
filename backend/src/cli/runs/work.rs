//! Where a run's work is, beside its branch: what is kept and how to get it, what is in no commit, what was denied.

use api::run::{Artifact, NotCommitted, Run};

use super::super::render::line::{Line, Tone};

/// Below the facts of a run; nothing of a run that has nothing of it.
pub(super) fn lines(run: &Run) -> Vec<Line> {
    let kept = run.artifacts.iter().flat_map(|it| kept(run, it)).collect();
    let left_out = run.not_committed.iter().map(left_out).collect();
    let denied = run.denied.words().into_iter().map(|text| entry(&text)).collect();
    [section("kept", kept), section("in no commit", left_out), section("denied", denied)].concat()
}

fn section(title: &str, lines: Vec<Line>) -> Vec<Line> {
    if lines.is_empty() {
        return lines;
    }
    let head = [Line::flush(), Line::flush().span(Tone::Bold, title)];
    head.into_iter().chain(lines).collect()
}

fn entry(text: &str) -> Line {
    Line::flush().span(Tone::Plain, format!("  {text}"))
}

fn kept(run: &Run, artifact: &Artifact) -> Vec<Line> {
    let Artifact { name, bytes, what } = artifact;
    let get = format!("caisson runs artifact {} {name} > {name}", run.id);
    let command = artifact.usage().map_or_else(|| get.clone(), |usage| format!("{get} && {usage}"));
    vec![
        entry(&format!("{name} ({bytes} bytes)")).span(Tone::Dim, format!("  {what}")),
        Line::flush().span(Tone::Accent, format!("    {command}")),
    ]
}

fn left_out(file: &NotCommitted) -> Line {
    entry(&format!("{} ({} bytes)", file.path, file.bytes)).span(Tone::Dim, format!("  {}", file.why))
}

#[cfg(test)]
mod tests {
    use api::{
        Timestamp,
        id::{RunId, TaskId},
        run::{Denials, DeniedHost},
        task::TaskSpec,
    };
    use uuid::Uuid;

    use super::*;

    fn shown(run: &Run) -> String {
        let rows = lines(run).into_iter().flat_map(|line| line.rows(1_000));
        rows.map(|row| row.into_iter().map(|span| span.text).collect::<String>() + "\n").collect()
    }

    #[test]
    fn each_artifact_is_named_with_the_command_that_gets_and_uses_it() {
        let (id, task) = (RunId(Uuid::nil()), TaskId(Uuid::nil()));
        let spec = TaskSpec::new("t", Vec::new());
        let mut run = Run::queued(id, task, spec, "a/b".to_owned(), Timestamp::UNIX_EPOCH);
        assert_eq!(shown(&run), "", "nothing is said of nothing");
        let artifact = |name: &str| Artifact { name: name.to_owned(), bytes: 7, what: "Some.".to_owned() };
        run.artifacts = vec![artifact("elsewhere.bundle"), artifact("odd")];
        run.not_committed =
            vec![NotCommitted { path: ".env".to_owned(), bytes: 3, why: "It is a credential.".to_owned() }];
        run.denied = Denials {
            hosts: vec![DeniedHost { host: "example.org".to_owned(), count: 1 }],
            ..Denials::default()
        };
        let get = format!("caisson runs artifact {id}");
        let expected = [
            "",
            "kept",
            "  elsewhere.bundle (7 bytes)  Some.",
            &format!(
                "    {get} elsewhere.bundle > elsewhere.bundle && git fetch elsewhere.bundle 'refs/*:refs/caisson/*'"
            ),
            "  odd (7 bytes)  Some.",
            &format!("    {get} odd > odd"),
            "",
            "in no commit",
            "  .env (3 bytes)  It is a credential.",
            "",
            "denied",
            "  example.org was refused once",
        ];
        assert_eq!(shown(&run).lines().collect::<Vec<_>>(), expected);
    }
}
