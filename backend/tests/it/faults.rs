//! Every system call with which `SQLite` writes fails in turn, in a process of its own that `strace` makes fail.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use api::{
    Timestamp,
    id::RunId,
    run::{Reason, Run},
    task::{Step, TaskSpec},
};
use backend::{
    store::{RunWrite, Store},
    tasks::Tasks,
};
use tempfile::TempDir;

use crate::{full_disk::say, store::texts};

/// Where the process that is made to fail finds its database and its run.
const DATABASE: &str = "CAISSON_TEST_FAULTS_DATABASE";
const RUN: &str = "CAISSON_TEST_FAULTS_RUN";
/// Marks its answers among what a test program prints.
const ANSWER: &str = "answer:";

/// One of each kind of write, named after `tag`; answers those that were acknowledged.
async fn series(store: &Store, run: RunId, tag: &str) -> Vec<String> {
    let name = |what: &str| format!("{what} {tag}");
    let (alone, first, second) = (name("alone"), name("first"), name("second"));
    let mut acknowledged = Vec::new();
    let mut note = |what: String, stored: bool| acknowledged.extend(stored.then_some(what));
    note(alone.clone(), say(store, run, &alone).await.is_ok());
    let together = tokio::join!(say(store, run, &first), say(store, run, &second));
    note(first.clone(), together.0.is_ok());
    note(second.clone(), together.1.is_ok());
    note(name("message"), store.message_insert(run, &name("message")).await.is_ok());
    let spec =
        |name: String| TaskSpec::new(name, vec![Step { instructions: ".".into(), checks: Vec::new() }]);
    note(name("task"), store.task_insert(spec(name("task")), "anybody").await.is_ok());
    if let Ok(task) = store.task_insert(spec(name("deleted")), "anybody").await {
        note(name("gone"), store.task_delete(task.id).await.is_ok());
    }
    if let Ok(Some(of)) = store.run_fetch(run).await {
        let new = Run::queued(RunId::mint(), of.task_id, of.task, name("run"), Timestamp::now());
        note(name("run"), store.run_queue(&new, None).await.is_ok());
        let end = RunWrite::of(new.id).end(Reason::CancelledByUser, name("end"));
        note(name("end"), store.run_write(end).await.is_ok());
    }
    acknowledged
}

/// How often each of these is in the database.
async fn found(store: &Store, run: RunId, tag: &str) -> Vec<(String, usize)> {
    let name = |what: &str| format!("{what} {tag}");
    let events = texts(store, run).await;
    let messages = store.message_list_waiting(run).await.expect("messages");
    let tasks = store.task_list(None, None, 500).await.expect("tasks").items;
    let runs = store.run_list(&backend::store::RunFilter::default(), None, 500).await.expect("runs").items;
    for run in runs.iter().filter(|run| run.repository == name("run")) {
        assert!(0 < run.last_seq, "a run is stored with its first event");
    }
    let deleted = tasks.iter().filter(|task| task.spec.name == name("deleted")).count();
    vec![
        (name("alone"), events.iter().filter(|it| **it == name("alone")).count()),
        (name("first"), events.iter().filter(|it| **it == name("first")).count()),
        (name("second"), events.iter().filter(|it| **it == name("second")).count()),
        (name("message"), messages.iter().filter(|it| it.text == name("message")).count()),
        (name("task"), tasks.iter().filter(|it| it.spec.name == name("task")).count()),
        (name("gone"), 1 - deleted),
        (name("run"), runs.iter().filter(|it| it.repository == name("run")).count()),
        (name("end"), runs.iter().filter(|it| it.detail.as_deref() == Some(&name("end"))).count()),
    ]
}

/// Does a series for each line of its input, when it is started by the test below.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_write_is_acknowledged_and_stored() {
    let (Ok(url), Ok(run)) = (std::env::var(DATABASE), std::env::var(RUN)) else {
        let fresh = crate::databases::both().await;
        for fresh in &fresh {
            let run = crate::databases::insert_run(&fresh.store).await;
            assert_eq!(series(&fresh.store, run, "whole").await.len(), 8, "{}", fresh.kind);
            for (what, times) in found(&fresh.store, run, "whole").await {
                assert_eq!(times, 1, "{}: {what}", fresh.kind);
            }
        }
        return;
    };
    let store = Store::open(&url, &Tasks::default()).await.expect("the store opens");
    let run = RunId(run.parse().expect("an id"));
    println!("\n{ANSWER}[]");
    let mut lines = BufReader::new(std::io::stdin()).lines();
    while let Some(tag) = tokio::task::block_in_place(|| lines.next()) {
        let acknowledged = series(&store, run, &tag.expect("a line")).await;
        println!("{ANSWER}{}", serde_json::to_string(&acknowledged).expect("JSON"));
    }
}

/// The process that is made to fail.
struct Victim {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Victim {
    fn start(url: &str, run: RunId) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "faults::every_kind_of_write_is_acknowledged_and_stored", "--nocapture"])
            .env(DATABASE, url)
            .env(RUN, run.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut victim = Self { child, input, output };
        victim.answer();
        victim
    }

    fn series(&mut self, tag: &str) -> Vec<String> {
        writeln!(self.input, "{tag}").expect("it lives");
        self.answer()
    }

    fn answer(&mut self) -> Vec<String> {
        for line in self.output.by_ref() {
            if let Some(answer) = line.expect("text").strip_prefix(ANSWER) {
                return serde_json::from_str(answer).expect("JSON");
            }
        }
        panic!("the process that is made to fail has ended")
    }
}

/// Makes calls of a process fail until it is dropped.
struct Faults(Child);

impl Faults {
    fn start(victim: &Victim, calls: &str, error: &str, when: &str, log: &Path) -> Self {
        let mut strace = Command::new("strace")
            .args(["-f", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}:when={when}"), "-o"])
            .arg(log)
            .args(["-p", &victim.child.id().to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("`strace` starts: it is a package of that name");
        let mut said = BufReader::new(strace.stderr.take().expect("a pipe")).lines();
        let first = said.next().expect("a line").expect("text");
        assert!(first.contains("attached"), "strace may not trace here: {first}");
        Self(strace)
    }

    /// Ends it. Returns whether a call was made to fail.
    fn end(mut self, log: &Path) -> bool {
        let pid = i32::try_from(self.0.id()).expect("a pid");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)
            .expect("it lives");
        self.0.wait().expect("it ends");
        std::fs::read_to_string(log).expect("its log").contains("(INJECTED)")
    }
}

/// Lets each call fail in turn, alone (`""`) or with all that follow (`"+"`), and looks at what is stored after each.
async fn each_fails(calls: &str, error: &str, others: &str, step: usize) {
    let dir = TempDir::new().expect("a folder");
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("test.db").display());
    let log = dir.path().join("strace.log");
    let store = Store::open(&url, &Tasks::default()).await.expect("the store opens");
    let run = crate::databases::insert_run(&store).await;
    let mut victim = Victim::start(&url, run);
    let mut everything = Vec::new();
    for n in (1..).step_by(step) {
        let faults = Faults::start(&victim, calls, error, &format!("{n}{others}"), &log);
        let tag = format!("fault{n}.");
        let acknowledged = victim.series(&tag);
        let injected = faults.end(&log);
        for (what, times) in found(&store, run, &tag).await {
            let least = usize::from(acknowledged.contains(&what));
            let nothing_to_delete = what.starts_with("gone");
            assert!(
                (least..=1).contains(&times) || nothing_to_delete,
                "{calls} {n}{others}: {what} is stored {times} times, acknowledged {least}"
            );
        }
        let tag = format!("after{n}.");
        assert_eq!(
            victim.series(&tag).len(),
            8,
            "{calls} {n}{others}: all is well when nothing fails any more"
        );
        for (what, times) in found(&store, run, &tag).await {
            assert_eq!(times, 1, "{calls} {n}{others}: {what}");
        }
        everything.extend(acknowledged.into_iter().filter(|what| what.starts_with("alone")));
        everything.push(format!("alone {tag}"));
        if !injected {
            assert!(1 < n, "nothing was made to fail");
            break;
        }
    }
    victim.child.kill().expect("it lives");
    victim.child.wait().expect("it ends");
    drop(store);
    let store = Store::open(&url, &Tasks::default()).await.expect("the store opens again");
    let events = texts(&store, run).await;
    for what in everything {
        assert_eq!(events.iter().filter(|it| **it == what).count(), 1, "{what}, after a death");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_write_fails_alone_what_is_acknowledged_is_stored() {
    each_fails("pwrite64", "EIO", "", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_whichever_write_on_the_disk_is_full_what_is_acknowledged_is_stored() {
    each_fails("pwrite64,ftruncate,fallocate", "ENOSPC", "+", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_read_of_the_disk_fails_what_is_acknowledged_is_stored() {
    each_fails("pread64", "EIO", "", 3).await;
}
