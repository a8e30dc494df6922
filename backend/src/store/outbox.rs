//! The outbox: a row for each state change of a run, written in the same transaction. What has to be delivered later
//! can neither miss one nor make one up. A row names the event that has the details.

use api::{Timestamp, id::RunId};
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{micros, outbox},
    writes::Transaction,
};

/// How many rows go at once.
const CHUNK: u64 = 500;

/// A state change on its way into the outbox.
pub(super) struct Change {
    pub(super) run: RunId,
    /// The number of its `state` event.
    pub(super) seq: i64,
    /// In microseconds since 1970.
    pub(super) at: i64,
}

/// Adds these changes.
pub(super) async fn insert(transaction: &Transaction, changes: &[Change]) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut insert = Query::insert();
    insert.into_table("outbox").columns(["run_id", "seq", "at"]);
    for Change { run, seq, at } in changes {
        insert.values_panic([run.0.into(), (*seq).into(), (*at).into()]);
    }
    transaction.execute(&insert).await?;
    Ok(())
}

impl Store {
    /// The oldest changes that nobody has taken out: the run, and the number of the event with the change.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn outbox_list(&self, limit: u64) -> Result<Vec<(RunId, i64)>, Error> {
        let find = outbox::Entity::find().select_only().columns([outbox::Column::RunId, outbox::Column::Seq]);
        let rows: Vec<(Uuid, i64)> =
            find.order_by_asc(outbox::Column::Id).limit(limit).into_tuple().all(&self.read).await?;
        Ok(rows.into_iter().map(|(run, seq)| (RunId(run), seq)).collect())
    }

    /// Removes what is older than this moment, a part at a time. Returns how many went; 0 when none is left.
    ///
    /// # Errors
    /// `Database` when they cannot be removed.
    pub async fn outbox_remove_some(&self, before: Timestamp) -> Result<u64, Error> {
        let mut old = Query::select();
        old.column("id").from("outbox").and_where(Expr::col("at").lt(micros(before))).limit(CHUNK);
        let mut delete = Query::delete();
        delete.from_table("outbox").and_where(Expr::col("id").in_subquery(old));
        Ok(self.write.execute(&delete).await?.rows_affected())
    }
}
