//! Each test runs on both databases: `SQLite` in a file, and PostgreSQL from `CAISSON_TEST_POSTGRES`.

// Named by its path because the benchmarks include this file from elsewhere.
#[path = "postgres.rs"]
mod postgres;

use api::{
    Timestamp,
    id::RunId,
    run::Run,
    task::{Step, TaskSpec},
};
use backend::{store::Store, tasks::Tasks};
use tempfile::TempDir;

use self::postgres::postgres;

/// A fresh database of one kind.
pub struct Fresh {
    /// The store on it.
    pub store: Store,
    /// Which kind, for messages.
    pub kind: &'static str,
    /// What to open again.
    pub url: String,
    tasks: Tasks,
    _dir: TempDir,
}

impl Fresh {
    async fn open(kind: &'static str, url: String, dir: TempDir) -> Self {
        let tasks = Tasks::default();
        let store = Store::open(&url, &tasks).await.expect("the store opens");
        Self { store, kind, url, tasks, _dir: dir }
    }

    /// Another store on the same database, as a restarted backend would open it.
    pub async fn reopen(&mut self) {
        self.tasks.drain(std::time::Duration::from_secs(10)).await;
        self.tasks = Tasks::default();
        self.store = Store::open(&self.url, &self.tasks).await.expect("the store opens again");
    }
}

/// One fresh database of each kind.
pub async fn both() -> [Fresh; 2] {
    let dir = || TempDir::new().expect("a folder");
    let file = dir();
    let sqlite = format!("sqlite://{}?mode=rwc", file.path().join("test.db").display());
    [Fresh::open("SQLite", sqlite, file).await, Fresh::open("PostgreSQL", postgres().await, dir()).await]
}

/// A queued run, stored.
pub async fn insert_run(store: &Store) -> RunId {
    let spec = TaskSpec::new("A task", vec![Step { instructions: "Do it.".into(), checks: Vec::new() }]);
    let task = store.task_insert(spec.clone(), "anybody").await.expect("a task");
    let run = Run::queued(RunId::mint(), task.id, spec, "acme/web".into(), Timestamp::now());
    store.run_insert(&run, None).await.expect("a run");
    run.id
}
