use api::{
    Timestamp,
    executor::Elsewhere,
    id::{RunId, TaskId},
    run::{Artifact, DeniedHost, DeniedTool, NotCommitted, Outcome},
    task::TaskSpec,
};
use uuid::Uuid;

use super::*;

/// A run of which nothing is known.
fn run() -> Run {
    let (id, task) = (RunId(Uuid::nil()), TaskId(Uuid::nil()));
    let spec = TaskSpec::new("t", Vec::new());
    Run { branch: "work".to_owned(), ..Run::queued(id, task, spec, "a/b".to_owned(), Timestamp::UNIX_EPOCH) }
}

fn keeps(run: &mut Run, name: &str) {
    run.artifacts.push(Artifact { name: name.to_owned(), bytes: 1, what: String::new() });
}

fn elsewhere(place: &str, commits: u64) -> Elsewhere {
    Elsewhere { place: place.to_owned(), commit: "abc".to_owned(), commits }
}

fn left_out(path: &str) -> NotCommitted {
    NotCommitted { path: path.to_owned(), bytes: 7, why: "It is a credential.".to_owned() }
}

#[test]
fn a_run_that_changed_nothing_says_so_only_if_there_is_nothing_at_all() {
    let end = done(&run(), &Work::default());
    assert_eq!(end.reason, Reason::NoChanges);

    let mut denied = run();
    denied.denied.tools.push(DeniedTool { name: "Bash".to_owned(), count: 3 });
    let mut refused = run();
    refused.denied.hosts.push(DeniedHost { host: "example.org".to_owned(), count: 12 });
    let outside = Work { outside: [("a".to_owned(), "/tmp/x".to_owned())].into(), ..Work::default() };
    let commits = Work { elsewhere: vec![elsewhere("branch feature", 2)], ..Work::default() };
    let file = Work { not_committed: vec![left_out(".env")], ..Work::default() };
    for (run, work, expected) in [
        (denied, Work::default(), "Bash was denied 3 times"),
        (refused, Work::default(), "example.org was refused 12 times"),
        (run(), outside, "/tmp/x was written outside the repository"),
        (run(), commits, "branch feature has 2 commits (they were not kept)"),
        (run(), file, ".env is in no commit (It is a credential)"),
    ] {
        let end = done(&run, &work);
        assert_eq!((end.reason, end.reason.outcome()), (Reason::AgentStopped, Outcome::Failed), "{expected}");
        assert_eq!(end.detail, format!("Nothing was changed on the branch, but {expected}."));
    }
}

#[test]
fn everything_that_is_known_is_in_one_sentence() {
    let mut run = run();
    run.denied.tools.push(DeniedTool { name: "Bash".to_owned(), count: 3 });
    run.denied.hosts.push(DeniedHost { host: "example.org".to_owned(), count: 1 });
    keeps(&mut run, ELSEWHERE);
    let work = Work { elsewhere: vec![elsewhere("branch feature", 1)], ..Work::default() };
    assert_eq!(
        done(&run, &work).detail,
        "Nothing was changed on the branch, but Bash was denied 3 times, example.org was refused once, and \
         branch feature has 1 commit (elsewhere.bundle has them)."
    );
}

#[test]
fn work_beside_the_branch_is_named_also_when_the_run_succeeded() {
    let mut run = run();
    run.head_commit = Some("abc".to_owned());
    run.denied.tools.push(DeniedTool { name: "Bash".to_owned(), count: 3 });
    assert_eq!(done(&run, &Work::default()).detail, "All done; the work is on branch work.");
    keeps(&mut run, ELSEWHERE);
    let work = Work {
        elsewhere: vec![elsewhere("stash@{0}", 1)],
        not_committed: vec![left_out("core")],
        ..Work::default()
    };
    let end = done(&run, &work);
    assert_eq!(end.reason, Reason::Completed);
    assert_eq!(
        end.detail,
        "All done; the work is on branch work. Not on it: stash@{0} has 1 commit (elsewhere.bundle has them); \
         core is in no commit (It is a credential)."
    );
}

#[test]
fn many_of_a_kind_are_counted() {
    let work =
        Work { not_committed: (0..8).map(|n| left_out(&format!("f{n}"))).collect(), ..Work::default() };
    let detail = done(&run(), &work).detail;
    assert!(detail.contains("f4 is in no commit") && !detail.contains("f5"), "{detail}");
    assert!(detail.ends_with(", and 3 more files are in no commit."), "{detail}");
}

#[test]
fn a_run_that_stopped_names_the_places_that_are_there_and_no_others() {
    let none = stopped(&run(), &Work::default(), "It was cancelled.");
    assert_eq!(none, "It was cancelled.", "nothing was done, so there is nothing to find");

    let mut pushed = run();
    pushed.head_commit = Some("abc".to_owned());
    let detail = stopped(&pushed, &Work::default(), "It was cancelled.");
    assert_eq!(detail, "It was cancelled. Of its work, branch work has what was pushed.");

    let mut all = pushed;
    for name in [CHANGES, UNPUSHED, UNCOMMITTED, WORKSPACE] {
        keeps(&mut all, name);
    }
    let detail = stopped(&all, &Work::default(), "The remote said no");
    assert_eq!(
        detail,
        format!(
            "The remote said no. Of its work, branch work has what was pushed, branch.bundle has the commits \
             that were not pushed, uncommitted.patch has what was not committed, and workspace.tar.gz has all \
             files of the workspace. Get an artifact with `caisson runs artifact {} NAME`.",
            all.id
        )
    );

    let mut patch = run();
    keeps(&mut patch, CHANGES);
    let detail = stopped(&patch, &Work::default(), "It took too long.");
    assert!(detail.contains("changes.patch has everything since the base commit"), "{detail}");
    let cut = Work { cut: [(CHANGES.to_owned(), 2)].into(), ..Work::default() };
    let detail = stopped(&patch, &cut, "It took too long.");
    assert!(detail.contains("since the base commit but for 2 files that are too large"), "{detail}");
}
