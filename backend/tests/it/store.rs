//! The store: what is written whole, what is refused, what survives.

use api::{
    Timestamp,
    event::{AgentLine, AgentLineType, EventBody, Notice},
    id::RunId,
    run::{Outcome, Reason, RunState, Transition},
    task::{Step, TaskSpec},
};
use backend::store::{Error, NewEvent, RunFilter, RunPatch, RunWrite, Store};

use crate::{
    databases::{both, insert_run, only_postgres},
    events::listed,
};

pub fn line(n: u64, raw: &str) -> NewEvent {
    let body = EventBody::Agent(AgentLine::plain(AgentLineType::Text, raw.to_owned()));
    NewEvent { at: Timestamp::now(), step: Some(1), body, n: Some(n) }
}

/// A pull of lines from the executor, as the driver writes it down.
pub async fn pull(store: &Store, run: RunId, execution: &str, lines: &[(u64, &str)]) {
    let mut write = RunWrite::of(run);
    write.execution = Some(execution.to_owned());
    write.events = lines.iter().map(|(n, raw)| line(*n, raw)).collect();
    let last = lines.last().expect("a line").0;
    let patch = RunPatch { execution: Some((execution.to_owned(), last)), ..RunPatch::default() };
    store.run_write(write.patch(patch)).await.expect("written");
}

pub async fn texts(store: &Store, run: RunId) -> Vec<String> {
    let events = listed(store, run).await;
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.seq, at as i64 + 1, "numbered without gaps");
    }
    events
        .into_iter()
        .filter_map(|event| match event.body {
            EventBody::Agent(line) => Some(line.raw),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_is_repeated_stores_nothing_twice() {
    for mut fresh in both().await {
        let run = insert_run(&fresh.store).await;
        pull(&fresh.store, run, "a", &[(1, "one"), (2, "two")]).await;
        pull(&fresh.store, run, "a", &[(1, "one"), (2, "two"), (3, "three")]).await;
        fresh.reopen().await;
        pull(&fresh.store, run, "a", &[(2, "two"), (3, "three"), (4, "four")]).await;
        pull(&fresh.store, run, "b", &[(1, "next execution")]).await;
        let expected = ["one", "two", "three", "four", "next execution"];
        assert_eq!(texts(&fresh.store, run).await, expected, "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_is_kept_as_it_came() {
    let odd = [
        "NUL \u{0} inside",
        "\u{1b}[31mred",
        "\u{fffd} \u{1f980} \"quotes\" \\ back",
        &String::from_utf8_lossy(b"not UTF-8: \xff\xfe"),
        r#"{"type":"brand_new","\u0000":"escaped"}"#,
        "two\nlines\r and a separator \u{2028}",
        &"x".repeat(3 << 20),
        "",
    ];
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let lines: Vec<(u64, &str)> =
            odd.iter().enumerate().map(|(at, text)| (at as u64 + 1, *text)).collect();
        pull(&fresh.store, run, "a", &lines).await;
        assert!(texts(&fresh.store, run).await == odd, "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_one_run_in_one_group_build_on_each_other() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        let notice = || EventBody::Notice(Notice { about: "test".into(), text: "kept".into() });
        let patch = RunPatch { step: Some(2), ..RunPatch::default() };
        let commit = RunPatch { head_commit: Some("0a1b".into()), ..RunPatch::default() };
        let writes = [
            RunWrite::of(run).event(1, notice()),
            RunWrite::of(run).transition(Transition::Claim).patch(patch),
            RunWrite::of(run).transition(Transition::Claim).event(1, notice()),
            RunWrite::of(run).event(1, notice()).patch(commit),
            RunWrite::of(run).end(Reason::Completed, "Done."),
            RunWrite::of(run).transition(Transition::Stop),
        ];
        let results = futures::future::join_all(writes.map(|write| fresh.store.run_write(write))).await;
        let seqs: Vec<Option<i64>> =
            results.iter().map(|result| result.as_ref().ok().map(|written| written.last_seq)).collect();
        assert_eq!(seqs, [Some(1), Some(2), None, Some(3), Some(4), None], "{}", fresh.kind);
        let stored = fresh.store.run_fetch(run).await.expect("read").expect("a run");
        assert_eq!((stored.last_seq, stored.version, stored.step), (4, 5, 2), "{}", fresh.kind);
        assert_eq!((stored.state, stored.head_commit.as_deref()), (RunState::Ended, Some("0a1b")));
        assert!(stored.started_at.is_some());
        assert_eq!(listed(&fresh.store, run).await.len(), 4, "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backends_write_the_same_runs_without_a_gap() {
    const WRITES: usize = 40;
    let fresh = only_postgres().await;
    let tasks = backend::tasks::Tasks::default();
    let other = Store::open(&fresh.url, &tasks).await.expect("a second backend");
    let mut runs = Vec::new();
    for _ in 0..8 {
        runs.push(insert_run(&fresh.store).await);
    }
    let notice = || EventBody::Notice(Notice { about: "test".into(), text: "kept".into() });
    // Each backend meets the runs in another order.
    let back = runs.iter().rev().map(|&run| (&other, run));
    let writers = runs.iter().map(|&run| (&fresh.store, run)).chain(back);
    let writers = writers.map(|(store, run)| async move {
        for _ in 0..WRITES {
            store.run_write(RunWrite::of(run).event(1, notice())).await.expect("written");
        }
    });
    futures::future::join_all(writers).await;
    for run in runs {
        let events = listed(&other, run).await;
        assert_eq!(
            events.iter().map(|event| event.seq).collect::<Vec<_>>(),
            (1..=2 * WRITES as i64).collect::<Vec<_>>()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_once_and_its_last_event_says_so() {
    for fresh in both().await {
        let run = insert_run(&fresh.store).await;
        fresh.store.run_write(RunWrite::of(run).transition(Transition::Claim)).await.expect("claimed");
        fresh
            .store
            .run_write(RunWrite::of(run).end(Reason::Timeout, "It took too long."))
            .await
            .expect("ended");
        for late in [
            RunWrite::of(run).end(Reason::Completed, "Done."),
            RunWrite::of(run).transition(Transition::Stop),
        ] {
            assert!(matches!(fresh.store.run_write(late).await, Err(Error::Illegal(_))), "{}", fresh.kind);
        }
        let ended = fresh.store.run_fetch(run).await.expect("read").expect("a run");
        assert_eq!(
            (ended.state, ended.outcome, ended.reason),
            (RunState::Ended, Some(Outcome::Failed), Some(Reason::Timeout))
        );
        assert!(ended.started_at.is_some() && ended.ended_at.is_some());
        let events = listed(&fresh.store, run).await;
        assert_eq!(events.len(), 2);
        assert!(events[1].body.is_end());
        assert_eq!(ended.last_seq, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_refused_leaves_nothing_and_its_group_alone() {
    for fresh in both().await {
        let (first, second) = (insert_run(&fresh.store).await, insert_run(&fresh.store).await);
        let notice = || EventBody::Notice(Notice { about: "test".into(), text: "kept".into() });
        let refused = RunWrite::of(first).transition(Transition::Work).event(1, notice());
        let allowed = RunWrite::of(second).transition(Transition::Claim).event(1, notice());
        let (refused, allowed) = tokio::join!(fresh.store.run_write(refused), fresh.store.run_write(allowed));
        assert!(matches!(refused, Err(Error::Illegal(_))));
        assert_eq!(allowed.expect("written").last_seq, 2);
        assert!(listed(&fresh.store, first).await.is_empty(), "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_write_at_once_without_a_gap() {
    const RUNS: usize = 20;
    const WRITES: u64 = 30;
    for fresh in both().await {
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            runs.push(insert_run(&fresh.store).await);
        }
        let writers = runs.iter().map(|&run| {
            let store = fresh.store.clone();
            async move {
                for n in 1..=WRITES {
                    pull(&store, run, "a", &[(n, "x")]).await;
                }
            }
        });
        futures::future::join_all(writers).await;
        for run in runs {
            assert_eq!(texts(&fresh.store, run).await.len() as u64, WRITES, "{}", fresh.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_newest_first_without_a_gap() {
    for fresh in both().await {
        let mut inserted = Vec::new();
        for _ in 0..7 {
            inserted.push(insert_run(&fresh.store).await);
        }
        inserted.reverse();
        let (mut read, mut before) = (Vec::new(), None);
        loop {
            let page = fresh.store.run_list(&RunFilter::default(), before, 3).await.expect("a page");
            read.extend(page.items.iter().map(|run| run.id));
            match page.next {
                Some(next) => before = Some(next.parse().expect("an id")),
                None => break,
            }
        }
        assert_eq!(read, inserted, "{}", fresh.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_update_of_a_task_is_refused() {
    for fresh in both().await {
        let step = Step { instructions: "Do it.".into(), checks: vec!["true".into()] };
        let task = fresh
            .store
            .task_insert(TaskSpec::new("100% _sure_", vec![step]), "anybody")
            .await
            .expect("a task");
        fresh.store.task_update(task.id, 1, &task.spec).await.expect("updated");
        assert!(matches!(fresh.store.task_update(task.id, 1, &task.spec).await, Err(Error::Stale(_))));
        let found = |query: &'static str| async {
            fresh.store.task_list(Some(query), None, 10).await.expect("a list").items.len()
        };
        assert_eq!(
            (found("% _SU").await, found("100_").await),
            (1, 0),
            "{}: a query is text, not a pattern",
            fresh.kind
        );
        let deleted = fresh.store.task_delete(task.id).await.expect("deleted");
        assert!(deleted.archived_at.is_none());
        assert!(fresh.store.task_fetch(task.id).await.expect("read").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_is_refused_at_start() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let file = dir.path().join("test.db");
    let tasks = backend::tasks::Tasks::default();
    Store::open(&format!("sqlite://{}?mode=rwc", file.display()), &tasks).await.expect("it opens");
    let error =
        Store::open(&format!("sqlite://{}?mode=ro", file.display()), &tasks).await.err().expect("refused");
    assert!(error.to_string().contains("readonly"), "{error}");
    for mode in ["ro", "rw"] {
        let missing = format!("sqlite://{}?mode={mode}", dir.path().join("missing.db").display());
        assert!(Store::open(&missing, &tasks).await.is_err(), "{mode} asks for a file that exists");
    }
    let error = Store::open("postgres://me:secret@127.0.0.1:9/none", &tasks).await.err().expect("refused");
    assert!(error.to_string().contains("127.0.0.1:9") && !error.to_string().contains("secret"), "{error}");
}
