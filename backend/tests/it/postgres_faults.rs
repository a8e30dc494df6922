//! PostgreSQL that dies in COMMIT, cuts its clients off in COMMIT, or has no room.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use api::id::RunId;
use backend::{store::Store, tasks::Tasks};
use sea_orm::{ConnectionTrait, Database};
use tokio::task::JoinSet;

use crate::{cluster::Cluster, databases::insert_run, full_disk::say, store::texts};

/// How many write at once.
const WRITERS: usize = 8;
/// How many connections write, so that each is used when as many writes follow each other.
const CONNECTIONS: usize = 8;

/// Writers that write one line after another, each again until it is acknowledged, as drivers do.
struct Writers {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    all: JoinSet<(RunId, usize)>,
}

impl Writers {
    async fn start(store: &Store, length: usize) -> Self {
        let (stop, written) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut all = JoinSet::new();
        for _ in 0..WRITERS {
            let run = insert_run(store).await;
            let (store, stop, written) = (store.clone(), stop.clone(), written.clone());
            all.spawn(async move {
                let long = "x".repeat(length);
                let mut lines = 0;
                while !stop.load(Ordering::Relaxed) {
                    while say(&store, run, &format!("line {lines} {long}")).await.is_err() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    lines += 1;
                    written.fetch_add(1, Ordering::Relaxed);
                }
                (run, lines)
            });
        }
        Self { stop, written, all }
    }

    /// Waits until so many lines more are acknowledged.
    async fn progress(&self, lines: usize) {
        let goal = self.written.load(Ordering::Relaxed) + lines;
        let reached = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            while self.written.load(Ordering::Relaxed) < goal {
                ticks.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reached).await.expect("the server recovers by itself");
    }

    /// Ends them and compares what they wrote with what is stored.
    async fn compare(self, store: &Store) {
        self.stop.store(true, Ordering::Relaxed);
        for (run, lines) in self.all.join_all().await {
            let stored = texts(store, run).await;
            assert_eq!(stored.len(), lines, "each line once");
            for (n, line) in stored.iter().enumerate() {
                assert!(line.starts_with(&format!("line {n} ")), "{n}: {line:.40}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_commit_loses_and_doubles_nothing() {
    let mut cluster = Cluster::start();
    let store = Store::open(&cluster.url(), &Tasks::default()).await.expect("the store opens");
    let writers = Writers::start(&store, 10).await;
    for _ in 0..6 {
        writers.progress(5 * WRITERS).await;
        cluster.crash();
        cluster.resume();
    }
    writers.progress(WRITERS).await;
    writers.compare(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_cut_off_in_commit_loses_and_doubles_nothing() {
    let cluster = Cluster::start();
    let store = Store::open(&cluster.url(), &Tasks::default()).await.expect("the store opens");
    let admin = Database::connect(&cluster.url()).await.expect("an administrator");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let writers = Writers::start(&store, 10).await;
    for _ in 0..40 {
        writers.progress(WRITERS).await;
        admin.execute_unprepared(cut).await.expect("they are cut off");
    }
    writers.progress(WRITERS).await;
    writers.compare(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_room_loses_and_doubles_nothing() {
    let mut cluster = Cluster::start();
    let store = Store::open(&cluster.url(), &Tasks::default()).await.expect("the store opens");
    let writers = Writers::start(&store, 2_000).await;
    writers.progress(WRITERS).await;
    cluster.disk.fill();
    let refused = async {
        while store.check_writable().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), refused).await.expect("it is noticed");
    cluster.disk.empty();
    // Without room for its log PostgreSQL ends; somebody starts it again.
    cluster.crash();
    cluster.resume();
    writers.progress(5 * WRITERS).await;
    writers.compare(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_nobody_waits_for_leaves_no_connection_inside_a_transaction() {
    let cluster = Cluster::start();
    let store = Store::open(&cluster.url(), &Tasks::default()).await.expect("the store opens");
    let run = insert_run(&store).await;
    let other = Store::open(&cluster.url(), &Tasks::default()).await.expect("a second backend");
    for polls in 1..=40 {
        // Dropped at any point: before BEGIN is answered, between statements, in COMMIT.
        abandon(store.retention_remove_artifacts(run), polls).await;
        // At once: the next transaction on such a connection would commit what was written on it.
        for _ in 0..CONNECTIONS {
            store.message_insert(run, "kept").await.expect("stored");
        }
        let stored = other.message_list_waiting(run).await.expect("messages").len();
        assert_eq!(stored, polls * CONNECTIONS, "after {polls} polls");
    }
}

/// Polls a future so many times and drops it, whatever it waits for then.
async fn abandon(future: impl Future, polls: usize) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        left -= 1;
        let done = future.as_mut().poll(context).map(drop);
        if left == 0 { Poll::Ready(()) } else { done }
    })
    .await;
}
