//! The statements of a group: few, whatever its size, and of few shapes, so that they stay prepared.
//!
//! PostgreSQL takes arrays. `SQLite` takes tuples: their number is a power of two, so there is one statement
//! for each of a handful of sizes.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use super::head::Head;
use crate::store::{
    Error,
    entity::{from_name, run, run_event::Row},
};

/// The most tuples in one statement: 6 parameters each, and `SQLite` takes 32,766.
const TUPLES: usize = 512;
/// What stands for a step that is not there: `sea-orm` has no arrays with holes.
const NO_STEP: i32 = -1;

/// The heads of these runs, locked in the order of their ids, so that two backends cannot wait for each other.
pub(super) async fn heads(
    transaction: &DatabaseTransaction,
    runs: impl Iterator<Item = Uuid>,
) -> Result<Vec<Head>, Error> {
    const COLUMNS: &str = "id, state, last_seq, version, execution, execution_n, started_at";
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
    })
}

/// Appends these rows.
pub(super) async fn insert(transaction: &DatabaseTransaction, rows: &[Row<'_>]) -> Result<(), Error> {
    const INTO: &str = "INSERT INTO run_events (run_id, seq, at, step, kind, data)";
    if rows.is_empty() {
        return Ok(());
    }
    if transaction.get_database_backend() == DbBackend::Postgres {
        let sql = format!(
            "{INTO} SELECT run_id, seq, at, NULLIF(step, {NO_STEP}), kind, data FROM UNNEST($1::uuid[], \
             $2::bigint[], $3::bigint[], $4::int[], $5::text[], $6::text[]) \
             AS rows (run_id, seq, at, step, kind, data)"
        );
        let values = vec![
            column(rows, |row| row.run.0),
            column(rows, |row| row.seq),
            column(rows, |row| row.body.at),
            column(rows, |row| row.body.step.unwrap_or(NO_STEP)),
            column(rows, |row| row.body.kind.to_owned()),
            column(rows, |row| row.body.data.clone()),
        ];
        return execute(transaction, sql, values).await;
    }
    let mut rest = rows;
    while !rest.is_empty() {
        let size = TUPLES.min(1 << rest.len().ilog2());
        let (now, later) = rest.split_at(size);
        rest = later;
        let values = now.iter().flat_map(|Row { run, seq, body }| -> [Value; 6] {
            let (kind, data) = (body.kind.to_owned(), body.data.clone());
            [run.0.into(), (*seq).into(), body.at.into(), body.step.into(), kind.into(), data.into()]
        });
        execute(transaction, format!("{INTO} VALUES {}", tuples(size, 6)), values.collect()).await?;
    }
    Ok(())
}

/// Moves these runs on: their newest number, version and cursor.
pub(super) async fn set_progress(transaction: &DatabaseTransaction, heads: &[Head]) -> Result<(), Error> {
    if heads.is_empty() {
        return Ok(());
    }
    if transaction.get_database_backend() == DbBackend::Postgres {
        let sql = "UPDATE runs SET last_seq = v.last_seq, version = v.version, \
                   execution = NULLIF(v.execution, ''), execution_n = v.execution_n \
                   FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[]) \
                   AS v (id, last_seq, version, execution, execution_n) WHERE runs.id = v.id";
        let values = vec![
            column(heads, |head| head.id),
            column(heads, |head| head.last_seq),
            column(heads, |head| head.version),
            column(heads, |head| head.execution.clone().unwrap_or_default()),
            column(heads, |head| head.execution_n),
        ];
        return execute(transaction, sql.to_owned(), values).await;
    }
    for heads in heads.chunks(TUPLES) {
        let size = heads.len().next_power_of_two();
        // The last one again, up to the next power of two: it says the same twice.
        let repeated = heads.iter().chain(std::iter::repeat(&heads[heads.len() - 1])).take(size);
        let values = repeated.flat_map(|head| -> [Value; 5] {
            let execution = head.execution.clone();
            [
                head.id.into(),
                head.last_seq.into(),
                head.version.into(),
                execution.into(),
                head.execution_n.into(),
            ]
        });
        let sql = format!(
            "UPDATE runs SET last_seq = v.column2, version = v.column3, execution = v.column4, \
             execution_n = v.column5 FROM (VALUES {}) AS v WHERE runs.id = v.column1",
            tuples(size, 5)
        );
        execute(transaction, sql, values.collect()).await?;
    }
    Ok(())
}

/// Writes further columns of these runs: rare, and different for each.
pub(super) async fn set_rest(
    transaction: &DatabaseTransaction,
    rows: Vec<run::ActiveModel>,
) -> Result<(), Error> {
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
    transaction: &DatabaseTransaction,
    sql: String,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    Ok(transaction.query_all_raw(statement).await?)
}

async fn execute(transaction: &DatabaseTransaction, sql: String, values: Vec<Value>) -> Result<(), Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    transaction.execute_raw(statement).await?;
    Ok(())
}
