//! Databases to measure on, and what they can do at best: plain SQL with rows made beforehand, on one connection.

use std::time::Instant;

use api::{Timestamp, event::EventBody, id::RunId};
use backend::{store::Store, tasks::Tasks};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait,
    Value,
};
use tempfile::TempDir;

/// How many rows one `INSERT` takes, which is one transaction.
const ROWS: usize = 500;
/// How many rows one `SELECT` takes, as in `app::follow`.
const PAGE: i64 = 256;
/// The columns of a row, in this order.
const COLUMNS: [&str; 6] = ["run_id", "seq", "at", "step", "kind", "data"];

/// A kind of database.
pub enum Kind {
    /// In a file.
    Sqlite,
    /// In the cluster at this URL.
    Postgres(String),
}

impl Kind {
    /// Those that this machine has: PostgreSQL only where `CAISSON_TEST_POSTGRES` says where.
    pub fn available() -> Vec<Self> {
        let cluster = std::env::var("CAISSON_TEST_POSTGRES").ok();
        std::iter::once(Self::Sqlite).chain(cluster.map(Self::Postgres)).collect()
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// A new database.
    pub async fn fresh(&self) -> Fresh {
        let dir = TempDir::new().expect("a folder");
        let (url, made_in) = match self {
            Self::Sqlite => (format!("sqlite://{}?mode=rwc", dir.path().join("bench.db").display()), None),
            Self::Postgres(cluster) => {
                let name = format!("caisson_bench_{}", uuid::Uuid::now_v7().simple());
                administer(cluster, &format!("CREATE DATABASE {name}")).await;
                let mut url = url::Url::parse(cluster).expect("a URL");
                url.set_path(&name);
                (url.to_string(), Some((cluster.clone(), name)))
            }
        };
        let tasks = Tasks::default();
        let store = Store::open(&url, &tasks).await.expect("the store opens");
        Fresh { store, url, made_in, tasks, _dir: dir }
    }
}

/// A database with the schema and nothing else.
pub struct Fresh {
    /// The store on it.
    pub store: Store,
    /// Where it is.
    pub url: String,
    /// The cluster it is in, and its name there.
    made_in: Option<(String, String)>,
    tasks: Tasks,
    _dir: TempDir,
}

impl Fresh {
    /// Takes it away.
    pub async fn remove(self) {
        self.tasks.drain(std::time::Duration::from_secs(10)).await;
        drop(self.store);
        if let Some((cluster, name)) = &self.made_in {
            administer(cluster, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// Seconds that a loop needs to insert these rows, many at a time, and nothing else.
    pub async fn insert_bare(&self, rows: &[Row]) -> f64 {
        let database = self.connect().await;
        let statements: Vec<_> = rows.chunks(ROWS).map(|rows| insert(&database, rows)).collect();
        let begun = Instant::now();
        for statement in statements {
            let transaction = database.begin().await.expect("a transaction");
            transaction.execute_raw(statement).await.expect("inserted");
            transaction.commit().await.expect("committed");
        }
        begun.elapsed().as_secs_f64()
    }

    /// Seconds that a loop needs to read the events of these runs, page by page, and nothing else.
    /// Answers how many there were, too.
    pub async fn select_bare(&self, runs: &[RunId]) -> (f64, usize) {
        let database = self.connect().await;
        let sql = format!(
            "SELECT {} FROM run_events WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT {PAGE}",
            COLUMNS.join(", ")
        );
        let begun = Instant::now();
        let mut found = 0;
        for run in runs {
            let mut after = 0;
            loop {
                let values = [Value::from(run.0), Value::from(after)];
                let page = Statement::from_sql_and_values(database.get_database_backend(), &sql, values);
                let page = database.query_all_raw(page).await.expect("a page");
                let Some(last) = page.last() else { break };
                after = last.try_get_by::<i64, _>("seq").expect("a number");
                let data = page.iter().map(|row| row.try_get_by::<String, _>("data").expect("a text"));
                found += data.filter(|data| !data.is_empty()).count();
            }
        }
        (begun.elapsed().as_secs_f64(), found)
    }

    /// Runs a statement as it is.
    pub async fn execute(&self, sql: &str) {
        self.connect().await.execute_unprepared(sql).await.expect("done");
    }

    /// One connection, with the settings that the store has.
    async fn connect(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite.pragma("synchronous", "NORMAL").pragma("wal_autocheckpoint", "8000")
        });
        Database::connect(options).await.expect("the database opens")
    }
}

/// An event as the table holds it.
pub struct Row {
    run: RunId,
    seq: i64,
    at: i64,
    kind: String,
    data: String,
}

impl Row {
    pub fn of(run: RunId, seq: i64, body: &EventBody) -> Self {
        let mut halves = serde_json::to_value(body).expect("JSON");
        let kind = halves["kind"].as_str().expect("a kind").to_owned();
        let data = halves["data"].take().to_string();
        Self { run, seq, at: Timestamp::now().as_microsecond(), kind, data }
    }

    fn values(&self) -> [Value; COLUMNS.len()] {
        let (kind, data) = (self.kind.clone(), self.data.clone());
        [self.run.0.into(), self.seq.into(), self.at.into(), 1_i32.into(), kind.into(), data.into()]
    }
}

fn insert(database: &DatabaseConnection, rows: &[Row]) -> Statement {
    let kind = database.get_database_backend();
    // `SQLite` takes `$1` for a name and searches for it; `?` is its quick way.
    let parameter = |at: usize| if kind == DbBackend::Sqlite { "?".to_owned() } else { format!("${at}") };
    let width = COLUMNS.len();
    let tuple = |row: usize| (1..=width).map(|at| parameter(row * width + at)).collect::<Vec<_>>().join(", ");
    let tuples: Vec<String> = (0..rows.len()).map(|row| format!("({})", tuple(row))).collect();
    let sql = format!("INSERT INTO run_events ({}) VALUES {}", COLUMNS.join(", "), tuples.join(", "));
    Statement::from_sql_and_values(kind, sql, rows.iter().flat_map(Row::values))
}

async fn administer(cluster: &str, sql: &str) {
    let admin = Database::connect(cluster).await.expect("the cluster answers");
    admin.execute_unprepared(sql).await.expect("done");
    admin.close().await.expect("closed");
}
