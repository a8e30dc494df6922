//! What is kept only so long: events and artifacts of runs that ended long ago, and sessions that are over.
//!
//! Everything goes in small statements, so that the writer never waits for long. A run whose events are on
//! their way out is marked first, with a time below 0: its readers see none of them from then on, and an
//! interrupted removal is resumed. The mark becomes the time when they are all gone.

use api::{
    Timestamp,
    id::RunId,
    run::{RunState, wire_name},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{artifact, micros, run, session},
};

/// How many events go at once.
const CHUNK: u64 = 500;

impl Store {
    /// Runs that ended before this moment and still have their events, or some of them; at most twice `limit`.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn retention_list_events(&self, before: Timestamp, limit: u64) -> Result<Vec<RunId>, Error> {
        let old = Condition::all()
            .add(run::Column::EventsRemovedAt.is_null())
            .add(run::Column::EndedAt.lt(micros(before)));
        // Two looks, because with "or" no index would do.
        let begun = Condition::all().add(run::Column::EventsRemovedAt.lt(0));
        let mut found = self.retention_list(begun, limit).await?;
        found.extend(self.retention_list(old, limit).await?);
        Ok(found)
    }

    /// Removes the events of a run that is over. Returns how many there were.
    ///
    /// # Errors
    /// `Database` when they cannot be removed: some may be gone, and the next call removes the others.
    pub async fn retention_remove_events(&self, id: RunId) -> Result<u64, Error> {
        self.mark(id, -1).await?;
        let mut removed = 0;
        loop {
            let mut some = Query::select();
            some.column("id").from("run_events").and_where(Expr::col("run_id").eq(id.0)).limit(CHUNK);
            let mut delete = Query::delete();
            delete.from_table("run_events").and_where(Expr::col("id").in_subquery(some));
            let gone = self.write.execute(&delete).await?.rows_affected();
            removed += gone;
            if gone == 0 {
                break;
            }
        }
        self.mark(id, 1).await?;
        Ok(removed)
    }

    /// Marks the events of a run as going (-1) or gone (1), now.
    async fn mark(&self, id: RunId, sign: i64) -> Result<(), Error> {
        run::Entity::update_many()
            .col_expr(run::Column::EventsRemovedAt, Expr::value(sign * micros(Timestamp::now())))
            .col_expr(run::Column::Version, Expr::col(run::Column::Version).add(1))
            .filter(run::Column::Id.eq(id.0))
            .filter(run::Column::State.eq(wire_name(&RunState::Ended)))
            .exec(&self.write)
            .await?;
        Ok(())
    }

    /// Whether the events of a run were removed, or are being removed.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn events_removed(&self, id: RunId) -> Result<bool, Error> {
        let find = run::Entity::find_by_id(id.0).select_only().column(run::Column::EventsRemovedAt);
        let removed: Option<Option<i64>> = find.into_tuple().one(&self.read).await?;
        Ok(removed.flatten().is_some())
    }

    /// Runs that ended before this moment and of which artifacts are kept.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn retention_list_artifacts(&self, before: Timestamp, limit: u64) -> Result<Vec<RunId>, Error> {
        let mut kept = Query::select();
        kept.column("run_id").from("artifacts");
        let old = Condition::all()
            .add(run::Column::Id.in_subquery(kept))
            .add(run::Column::EndedAt.lt(micros(before)));
        self.retention_list(old, limit).await
    }

    /// Removes the artifacts of a run.
    ///
    /// # Errors
    /// `Database` when they cannot be removed.
    pub async fn retention_remove_artifacts(&self, id: RunId) -> Result<(), Error> {
        let transaction = self.write.begin().await?;
        artifact::Entity::delete_many().filter(artifact::Column::RunId.eq(id.0)).exec(&transaction).await?;
        run::Entity::update_many()
            .col_expr(run::Column::Artifacts, Expr::value("[]"))
            .col_expr(run::Column::Version, Expr::col(run::Column::Version).add(1))
            .filter(run::Column::Id.eq(id.0))
            .exec(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn retention_list(&self, which: Condition, limit: u64) -> Result<Vec<RunId>, Error> {
        let find = run::Entity::find().select_only().column(run::Column::Id).filter(which);
        let rows: Vec<Uuid> =
            find.order_by_asc(run::Column::Id).limit(limit).into_tuple().all(&self.read).await?;
        Ok(rows.into_iter().map(RunId).collect())
    }

    /// Forgets the sessions that are over.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn session_remove_over(&self) -> Result<(), Error> {
        let over = session::Column::ExpiresAt.lt(micros(Timestamp::now()));
        session::Entity::delete_many().filter(over).exec(&self.write).await?;
        Ok(())
    }
}
