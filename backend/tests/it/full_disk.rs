//! A disk that is full for a while: what was answered is stored, and nothing else is different afterwards.

use api::{id::RunId, run::Reason};
use backend::{
    store::{Error, RunWrite, Store},
    tasks::Tasks,
};

use crate::{
    databases::insert_run,
    disk::Disk,
    store::{line, texts},
};

/// One line of the agent, as the driver writes it down.
pub async fn say(store: &Store, run: RunId, text: &str) -> Result<(), Error> {
    let mut write = RunWrite::of(run);
    let mut event = line(1, text);
    event.n = None;
    write.events = vec![event];
    store.run_write(write).await.map(drop)
}

/// Writes of every kind until each has failed: alone, in a transaction, through the writer.
async fn until_all_fail(store: &Store, run: RunId) -> Vec<String> {
    let long = "x".repeat(50_000);
    let mut stored = Vec::new();
    let mut failed = 0;
    for n in 0..500 {
        let text = format!("{n} while full {long}");
        let said = say(store, run, &text).await;
        let sent = store.message_insert(run, &long).await;
        let kept = store.retention_remove_artifacts(run).await;
        failed = if said.is_err() && sent.is_err() && kept.is_err() { failed + 1 } else { 0 };
        if said.is_ok() {
            stored.push(text);
        }
        if failed == 5 {
            return stored;
        }
    }
    panic!("50 MB were acknowledged on a full disk of 4 MiB")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_after_the_disk_was_full_is_still_there_after_a_restart() {
    let disk = Disk::new(4096);
    let url = format!("sqlite://{}?mode=rwc", disk.path().join("test.db").display());
    let tasks = Tasks::default();
    let store = Store::open(&url, &tasks).await.expect("the store opens");
    let run = insert_run(&store).await;
    let mut said = vec!["before".to_owned()];
    say(&store, run, "before").await.expect("stored");

    disk.fill();
    said.extend(until_all_fail(&store, run).await);
    assert_eq!(texts(&store, run).await, said, "what is stored can be read while the disk is full");
    disk.empty();

    for n in 0..20 {
        let text = format!("after {n}");
        say(&store, run, &text).await.expect("there is room again");
        said.push(text);
    }
    store.message_insert(run, "after").await.expect("there is room again");
    let ended = insert_run(&store).await;
    store.run_write(RunWrite::of(ended).end(Reason::CancelledByUser, "over")).await.expect("an end");

    // As after a death: nobody closes the first store.
    let copy = tempfile::TempDir::new().expect("a folder");
    for file in ["test.db", "test.db-wal"] {
        std::fs::copy(disk.path().join(file), copy.path().join(file)).expect("a copy");
    }
    let url = format!("sqlite://{}?mode=rwc", copy.path().join("test.db").display());
    let after = Store::open(&url, &Tasks::default()).await.expect("the copy opens");
    assert_eq!(texts(&after, run).await, said);
    assert!(after.message_list_waiting(run).await.expect("messages").iter().any(|it| it.text == "after"));
    let ended = after.run_fetch(ended).await.expect("a run").expect("it was stored");
    assert_eq!(ended.reason, Some(Reason::CancelledByUser));
}
