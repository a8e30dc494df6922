//! Every migration, there and back, on both databases: `SQLite` in a file, and PostgreSQL where
//! `CAISSON_TEST_POSTGRES` names a server. That the store's entities fit the schema is shown by the store's own tests.

use migrations::{Migrator, MigratorTrait};
use sea_orm_migration::sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult, Statement,
};
use tempfile::TempDir;
use testkit::postgres::postgres_if_any;

/// An empty database of one kind.
struct Empty {
    connection: DatabaseConnection,
    _dir: TempDir,
}

/// One of each kind; of PostgreSQL only where there is a server.
async fn both() -> Vec<Empty> {
    let dir = || TempDir::new().expect("a folder");
    let file = dir();
    let url = format!("sqlite://{}?mode=rwc", file.path().join("test.db").display());
    let mut both = vec![Empty { connection: Database::connect(url).await.expect("a database"), _dir: file }];
    if let Some(url) = postgres_if_any().await {
        both.push(Empty { connection: Database::connect(url).await.expect("a database"), _dir: dir() });
    }
    both
}

impl Empty {
    fn kind(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.kind(), sql);
        self.connection.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Everything that the migrations have made, one line for each table, index or column.
    async fn schema(&self) -> String {
        let sql = match self.kind() {
            DbBackend::Sqlite => {
                "SELECT sql AS line FROM sqlite_master WHERE sql IS NOT NULL \
                 AND tbl_name NOT IN ('seaql_migrations', 'sqlite_sequence')"
            }
            _ => {
                "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable \
                 || coalesce(' ' || column_default, '') AS line FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name <> 'seaql_migrations' \
                 UNION SELECT indexdef FROM pg_indexes \
                 WHERE schemaname = 'public' AND tablename <> 'seaql_migrations'"
            }
        };
        let lines = self.rows(sql).await;
        let lines = lines.iter().map(|row| row.try_get("", "line").expect("text"));
        let mut lines: Vec<String> = lines.collect();
        // Here and not in the database, whose order depends on its locale.
        lines.sort();
        lines.join("\n")
    }

    async fn count(&self, table: &str) -> i64 {
        let rows = self.rows(&format!("SELECT CAST(count(*) AS bigint) AS n FROM {table}")).await;
        rows[0].try_get("", "n").expect("a number")
    }
}

#[tokio::test]
async fn up_down_and_up_again_is_the_same_schema() {
    for empty in both().await {
        Migrator::up(&empty.connection, None).await.expect("up");
        let first = empty.schema().await;
        assert!(first.contains("run_events"), "{first}");
        Migrator::down(&empty.connection, None).await.expect("down");
        assert_eq!(empty.schema().await, "", "{:?}: nothing is left", empty.kind());
        Migrator::up(&empty.connection, None).await.expect("up again");
        assert_eq!(empty.schema().await, first, "{:?}", empty.kind());
    }
}

#[tokio::test]
async fn each_migration_alone_can_be_taken_back() {
    for empty in both().await {
        for migration in Migrator::migrations() {
            let before = empty.schema().await;
            Migrator::up(&empty.connection, Some(1)).await.expect("one up");
            let after = empty.schema().await;
            assert_ne!(after, before, "{} changes something", migration.name());
            Migrator::down(&empty.connection, Some(1)).await.expect("one down");
            assert_eq!(empty.schema().await, before, "{:?}: {}", empty.kind(), migration.name());
            Migrator::up(&empty.connection, Some(1)).await.expect("one up again");
        }
    }
}

/// What is shipped is not edited: a change in a line of this snapshot, other than a new one, is a mistake.
#[tokio::test]
async fn the_schema_is_the_recorded_one() {
    for empty in both().await {
        Migrator::up(&empty.connection, None).await.expect("up");
        let name = format!("schema_{}", format!("{:?}", empty.kind()).to_lowercase());
        insta::assert_snapshot!(name, empty.schema().await);
    }
}

#[tokio::test]
async fn rows_written_before_the_last_migration_are_there_after_it() {
    const ROWS: [(&str, &str); 4] = [
        ("tasks", "(id, version, name, spec, created_at, updated_at) VALUES (ID, 1, 'A', '{}', 1, 1)"),
        (
            "runs",
            "(id, task_id, task, repository, branch, state, usage, created_at) \
             VALUES (ID, ID, '{}', 'acme/web', 'b', 'queued', '{}', 1)",
        ),
        (
            "instances",
            "(id, run_id, state, image, memory_limit_bytes, created_at) VALUES (ID, ID, 'ready', 'i', 1, 1)",
        ),
        ("run_events", "(run_id, seq, at, kind, data) VALUES (ID, 1, 1, 'notice', '{}')"),
    ];
    let all = u32::try_from(Migrator::migrations().len()).expect("few");
    for empty in both().await {
        Migrator::up(&empty.connection, Some(all - 1)).await.expect("all but the last");
        for (table, values) in ROWS {
            let id = "'019b7c1e-3a2e-7000-8000-000000000001'";
            let insert = format!("INSERT INTO {table} {}", values.replace("ID", id));
            empty
                .connection
                .execute_unprepared(&insert)
                .await
                .unwrap_or_else(|error| panic!("{table}: {error}"));
        }
        Migrator::up(&empty.connection, None).await.expect("the last");
        for (table, _) in ROWS {
            assert_eq!(empty.count(table).await, 1, "{:?}: {table}", empty.kind());
        }
    }
}

#[tokio::test]
async fn a_second_start_changes_nothing() {
    for empty in both().await {
        Migrator::up(&empty.connection, None).await.expect("up");
        let hash = if empty.kind() == DbBackend::Sqlite { "X'00ff'" } else { r"'\x00ff'" };
        let insert = format!("INSERT INTO sessions (hash, expires_at) VALUES ({hash}, 1)");
        empty.connection.execute_unprepared(&insert).await.expect("a row");
        Migrator::up(&empty.connection, None).await.expect("up again");
        assert_eq!(empty.count("sessions").await, 1, "{:?}", empty.kind());
        let pending = Migrator::get_pending_migrations(&empty.connection).await.expect("a list");
        assert!(pending.is_empty(), "{:?}", empty.kind());
    }
}

#[tokio::test]
async fn texts_that_are_too_long_to_be_part_of_a_run_are_shortened() {
    let id = "'019b7c1e-3a2e-7000-8000-000000000001'";
    let before = Migrator::migrations().iter().position(|one| one.name() == "m0016_bounds").expect("it");
    for empty in both().await {
        Migrator::up(&empty.connection, Some(u32::try_from(before).expect("few")))
            .await
            .expect("all before it");
        let long = "x".repeat(2 << 20);
        for insert in [
            format!(
                "INSERT INTO tasks (id, version, name, spec, created_at, updated_at) VALUES ({id}, 1, 'A', '{{}}', 1, 1)"
            ),
            format!(
                "INSERT INTO runs (id, task_id, task, repository, branch, state, usage, created_at, model, detail, work, gate) \
                 VALUES ({id}, {id}, '{{}}', 'acme/web', 'b', 'waiting', '{{}}', 1, '{long}', 'short', '{long}', '{long}')"
            ),
            format!(
                "INSERT INTO run_events (run_id, seq, at, kind, data) VALUES ({id}, 1, 1, 'notice', '{{\"é\":1}}')"
            ),
            format!(
                "INSERT INTO gates (id, run_id, kind, text, options, ask, since, delivered_at) \
                 VALUES ({id}, {id}, 'question', '\"{long}\"', '[\"a\"]', '{long}', 1, 2)"
            ),
        ] {
            let done = empty.connection.execute_unprepared(&insert).await;
            done.unwrap_or_else(|error| panic!("{:?}: {error}", empty.kind()));
        }
        Migrator::up(&empty.connection, None).await.expect("the rest");
        let text = async |sql: &str| {
            let rows = empty.rows(sql).await;
            rows[0].try_get_by_index::<Option<String>>(0).expect("text")
        };
        assert_eq!(text("SELECT model FROM runs").await.map(|model| model.len()), Some(200));
        assert_eq!(text("SELECT detail FROM runs").await.as_deref(), Some("short"));
        assert_eq!(text("SELECT work FROM runs").await.as_deref(), Some("{}"));
        assert_eq!(text("SELECT gate FROM runs").await, None);
        let question = text("SELECT text FROM gates").await.expect("a text");
        assert!(question.starts_with('"') && question.len() < 100, "it is JSON still: {question}");
        assert_eq!(text("SELECT options FROM gates").await.as_deref(), Some("[\"a\"]"));
        assert_eq!(text("SELECT ask FROM gates").await, None, "its answer was delivered");
        let bytes = text("SELECT CAST(log_bytes AS TEXT) FROM runs").await;
        assert_eq!(bytes.as_deref(), Some("8"), "{:?}", empty.kind());
    }
}
