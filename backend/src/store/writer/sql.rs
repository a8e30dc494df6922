//! The statements of a group: few, whatever its size, and of few shapes, so that they stay prepared.
//!
//! PostgreSQL takes arrays. `SQLite` takes tuples, whose number has few values, as each is a statement of its
//! own: 100 of them are kept prepared.

use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use super::head::Head;
use crate::store::{
    Error,
    entity::{from_name, run, run_event::Row},
    writes::Transaction,
};

/// The most tuples in one statement: 6 parameters each, and `SQLite` takes 32,766.
const TUPLES: usize = 512;
/// Up to here an `INSERT` has exactly as many tuples as there are rows: so many statements stay prepared.
const FEW: usize = 64;

/// The heads of these runs, locked in the order of their ids, so that two backends cannot wait for each other.
pub(super) async fn heads(
    transaction: &Transaction,
    runs: impl Iterator<Item = Uuid>,
) -> Result<Vec<Head>, Error> {
    const COLUMNS: &str =
        "id, state, last_seq, version, execution, execution_n, started_at, fence, log_bytes";
    let mut ids: Vec<Uuid> = runs.collect();
    ids.sort_unstable();
    ids.dedup();
    let mut heads = Vec::with_capacity(ids.len());
    if transaction.get_database_backend() == DbBackend::Postgres {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ANY($1) ORDER BY id FOR UPDATE");
        for row in query(transaction, sql, vec![ids.into()]).await? {
            heads.push(head(&row)?);
        }
        return Ok(heads);
    }
    for ids in ids.chunks(TUPLES) {
        // The last id again, up to the next power of two: it is found once all the same.
        let repeated = ids.iter().chain(std::iter::repeat(&ids[ids.len() - 1]));
        let values: Vec<Value> = repeated.take(ids.len().next_power_of_two()).map(|&id| id.into()).collect();
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE id IN {}", tuple(values.len()));
        for row in query(transaction, sql, values).await? {
            heads.push(head(&row)?);
        }
    }
    Ok(heads)
}

fn head(row: &QueryResult) -> Result<Head, Error> {
    Ok(Head {
        id: row.try_get_by_index(0)?,
        state: from_name("run state", &row.try_get_by_index::<String>(1)?)?,
        last_seq: row.try_get_by_index(2)?,
        version: row.try_get_by_index(3)?,
        execution: row.try_get_by_index(4)?,
        execution_n: row.try_get_by_index(5)?,
        started: row.try_get_by_index::<Option<i64>>(6)?.is_some(),
        fence: row.try_get_by_index(7)?,
        log_bytes: row.try_get_by_index(8)?,
    })
}

/// Appends these rows and moves these runs on: their newest number, version and cursor.
pub(super) async fn write(transaction: &Transaction, rows: &[Row<'_>], heads: &[Head]) -> Result<(), Error> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        return execute(transaction, POSTGRES_WRITE.to_owned(), postgres_values(rows, heads)).await;
    }
    insert(transaction, rows).await?;
    set_progress(transaction, heads).await
}

/// One way to the server and back for both.
const POSTGRES_WRITE: &str = "
    WITH appended AS (
        INSERT INTO run_events (run_id, seq, at, step, kind, data)
        SELECT run_id, seq, at, NULLIF(step, -1), kind, data
        FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::int[], $5::text[], $6::text[])
        AS rows (run_id, seq, at, step, kind, data)
    )
    UPDATE runs SET last_seq = v.last_seq, version = v.version, execution = NULLIF(v.execution, ''),
        execution_n = v.execution_n, log_bytes = v.log_bytes
    FROM UNNEST($7::uuid[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[])
    AS v (id, last_seq, version, execution, execution_n, log_bytes)
    WHERE runs.id = v.id";

/// The columns as arrays. sea-orm has no arrays with holes: -1 is no step, an empty name no execution.
fn postgres_values(rows: &[Row<'_>], heads: &[Head]) -> Vec<Value> {
    vec![
        column(rows, |row| row.run.0),
        column(rows, |row| row.seq),
        column(rows, |row| row.body.at),
        column(rows, |row| row.body.step.unwrap_or(-1)),
        column(rows, |row| row.body.kind.to_owned()),
        column(rows, |row| row.body.data.clone()),
        column(heads, |head| head.id),
        column(heads, |head| head.last_seq),
        column(heads, |head| head.version),
        column(heads, |head| head.execution.clone().unwrap_or_default()),
        column(heads, |head| head.execution_n),
        column(heads, |head| head.log_bytes),
    ]
}

async fn insert(transaction: &Transaction, rows: &[Row<'_>]) -> Result<(), Error> {
    let mut rest = rows;
    while !rest.is_empty() {
        let size = match rest.len() {
            TUPLES.. => TUPLES,
            FEW.. => FEW,
            fewer => fewer,
        };
        let (now, later) = rest.split_at(size);
        rest = later;
        let values = now.iter().flat_map(|Row { run, seq, body }| -> [Value; 6] {
            let (kind, data) = (body.kind.to_owned(), body.data.clone());
            [run.0.into(), (*seq).into(), body.at.into(), body.step.into(), kind.into(), data.into()]
        });
        let into = "INSERT INTO run_events (run_id, seq, at, step, kind, data)";
        execute(transaction, format!("{into} VALUES {}", tuples(size, 6)), values.collect()).await?;
    }
    Ok(())
}

async fn set_progress(transaction: &Transaction, heads: &[Head]) -> Result<(), Error> {
    for heads in heads.chunks(TUPLES) {
        let size = heads.len().next_power_of_two();
        // The last one again, up to the next power of two: it says the same twice.
        let repeated = heads.iter().chain(std::iter::repeat(&heads[heads.len() - 1])).take(size);
        let values = repeated.flat_map(|head| -> [Value; 6] {
            let Head { id, last_seq, version, execution, execution_n, log_bytes, .. } = head.clone();
            let (execution, execution_n) = (execution.into(), execution_n.into());
            [id.into(), last_seq.into(), version.into(), execution, execution_n, log_bytes.into()]
        });
        let sql = format!(
            "UPDATE runs SET last_seq = v.column2, version = v.column3, execution = v.column4, \
             execution_n = v.column5, log_bytes = v.column6 FROM (VALUES {}) AS v WHERE runs.id = v.column1",
            tuples(size, 6)
        );
        execute(transaction, sql, values.collect()).await?;
    }
    Ok(())
}

/// Whether the log has this very row.
pub(super) async fn holds(connection: &impl ConnectionTrait, row: &Row<'_>) -> Result<bool, Error> {
    let sql = "SELECT seq FROM run_events WHERE run_id = $1 AND seq = $2 AND at = $3 AND data = $4";
    let values = [row.run.0.into(), row.seq.into(), row.body.at.into(), row.body.data.clone().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    Ok(connection.query_one_raw(statement).await?.is_some())
}

/// Writes further columns of these runs: rare, and different for each.
pub(super) async fn set_rest(transaction: &Transaction, rows: Vec<run::ActiveModel>) -> Result<(), Error> {
    for row in rows {
        run::Entity::update(row).validate()?.exec(transaction).await?;
    }
    Ok(())
}

fn column<T, V: Into<Value>>(rows: &[T], of: impl Fn(&T) -> V) -> Value
where
    Vec<V>: Into<Value>,
{
    rows.iter().map(of).collect::<Vec<V>>().into()
}

/// `(?, ?), (?, ?)`. `SQLite` takes `$1` for a name and searches for it; `?` is its quick way.
fn tuples(rows: usize, width: usize) -> String {
    vec![tuple(width); rows].join(", ")
}

fn tuple(width: usize) -> String {
    format!("({})", vec!["?"; width].join(", "))
}

async fn query(
    transaction: &Transaction,
    sql: String,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    Ok(transaction.query_all_raw(statement).await?)
}

async fn execute(transaction: &Transaction, sql: String, values: Vec<Value>) -> Result<(), Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    transaction.execute_raw(statement).await?;
    Ok(())
}
