//! The money of a batch: what its runs have spent, and what their model calls on their way can cost at most. Every
//! call of a batch with a budget is a row while it is on its way, so the budget holds side by side and over backends.

use api::{
    id::{BatchId, RunId},
    run::{RunState, wire_name},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};
use tokio::sync::watch;
use uuid::Uuid;

use super::{SPENT, UNKNOWN};
use crate::{
    budget::Budget,
    store::{
        Error, Store,
        entity::{batch, batch_call},
    },
};

/// What became of a call that asked for its share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Held {
    /// It may leave.
    Yes,
    /// Others have come first.
    No,
    /// Another backend drives its run now.
    Fenced,
}

type Row = (Option<f64>, bool, Option<f64>, f64, i64, i64, f64);

impl Store {
    /// What a batch may cost, what its runs have cost so far, and the calls on their way. `None` when there is no such
    /// batch.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn batch_budget(&self, id: BatchId) -> Result<Option<Budget>, Error> {
        budget(&self.read, id).await
    }

    /// Rings when a model call of the batch is over, if it was made by a run of this backend.
    pub(crate) fn batch_wakeups(&self, id: BatchId) -> watch::Receiver<()> {
        self.wakeups.batch(id)
    }

    /// Sets what all runs of a batch together may cost, in US dollars. A person does that who has been told what is
    /// unknown.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn batch_set_budget(&self, id: BatchId, limit: f64) -> Result<(), Error> {
        batch::Entity::update_many()
            .col_expr(batch::Column::BudgetUsd, Expr::value(limit))
            .col_expr(batch::Column::UnknownAccepted, Expr::value(true))
            .filter(batch::Column::Id.eq(id.0))
            .exec(&self.write)
            .await?;
        Ok(())
    }

    /// Holds what call `call` of a run can cost at most (`None`: its price is unknown), if the batch has room for it.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn batch_hold(
        &self,
        batch: BatchId,
        (run, fence): (RunId, i64),
        call: Uuid,
        most: Option<f64>,
    ) -> Result<Held, Error> {
        let transaction = self.write.begin().await?;
        let backend = transaction.get_database_backend();
        // SQLite has one writer anyway.
        if backend == DbBackend::Postgres {
            let lock = "SELECT id FROM batches WHERE id = $1 FOR NO KEY UPDATE";
            let lock = Statement::from_sql_and_values(backend, lock, [batch.0.into()]);
            transaction.query_one_raw(lock).await?;
        }
        let Some(stands) = budget(&transaction, batch).await? else { return Err(Error::Missing("batch")) };
        if stands.line(most).is_some() || !stands.has_room(most) {
            return Ok(Held::No);
        }
        let sql = "INSERT INTO batch_calls (id, batch_id, run_id, most_usd) \
                   SELECT $1, $2, id, $3 FROM runs WHERE id = $4 AND fence = $5";
        let most = stands.reserve(most);
        let values = [call.into(), batch.0.into(), most.into(), run.0.into(), fence.into()];
        let held = transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        transaction.commit().await?;
        Ok(if held.rows_affected() == 0 { Held::Fenced } else { Held::Yes })
    }

    /// A call is over, and what it cost is noted. `dearest` is what the dearest call of its run has cost.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn batch_release(&self, batch: BatchId, call: Uuid, dearest: Option<f64>) -> Result<(), Error> {
        let transaction = self.write.begin().await?;
        batch_call::Entity::delete_by_id(call).exec(&transaction).await?;
        if let Some(dearest) = dearest {
            let before = Expr::col(batch::Column::DearestUsd);
            batch::Entity::update_many()
                .col_expr(batch::Column::DearestUsd, Expr::value(dearest))
                .filter(batch::Column::Id.eq(batch.0))
                .filter(before.clone().is_null().or(before.lt(dearest)))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        self.wakeups.notify_batch(batch);
        Ok(())
    }

    /// Whether calls of a run are on their way. Those of a run whose backend went away are lost: what they have cost
    /// nobody knows.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn batch_has_calls_of(&self, run: RunId) -> Result<bool, Error> {
        let calls = batch_call::Entity::find().filter(batch_call::Column::RunId.eq(run.0));
        Ok(calls.one(&self.read).await?.is_some())
    }

    /// Forgets the calls of a run that were on their way when its backend went away.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn batch_forget_calls_of(&self, run: RunId) -> Result<(), Error> {
        let calls = batch_call::Entity::delete_many().filter(batch_call::Column::RunId.eq(run.0));
        calls.exec(&self.write).await?;
        Ok(())
    }
}

async fn budget(connection: &impl ConnectionTrait, id: BatchId) -> Result<Option<Budget>, Error> {
    let of_runs = |what: &str| -> SimpleExpr {
        Expr::cust(format!("(SELECT {what} FROM runs WHERE runs.batch_id = batches.id)"))
    };
    // A call of a run that is over is one whose end a crash has hidden.
    let of_calls = |what: &str| -> SimpleExpr {
        Expr::cust(format!(
            "(SELECT {what} FROM batch_calls JOIN runs ON runs.id = batch_calls.run_id \
             WHERE batch_calls.batch_id = batches.id AND runs.state <> '{}')",
            wire_name(&RunState::Ended)
        ))
    };
    let row: Option<Row> = batch::Entity::find()
        .select_only()
        .columns([batch::Column::BudgetUsd, batch::Column::UnknownAccepted, batch::Column::DearestUsd])
        .column_as(of_runs(SPENT), "spent")
        .column_as(of_runs(UNKNOWN), "unknown")
        .column_as(of_calls("COUNT(*)"), "calls")
        .column_as(of_calls("COALESCE(SUM(most_usd), 0.0)"), "held")
        .filter(batch::Column::Id.eq(id.0))
        .into_tuple()
        .one(connection)
        .await?;
    Ok(row.map(|(limit, unknown_accepted, dearest, spent, unknown, calls, held)| Budget {
        limit,
        spent,
        known: unknown == 0,
        unknown_accepted,
        calls: calls.unsigned_abs(),
        held,
        dearest,
    }))
}
