//! Leases: each live run has one owner at a time. A lease that is not renewed can be taken over, and each
//! taking moves the fence, so that whatever the owner before still writes is refused.

use std::time::Duration;

use api::{
    Timestamp,
    id::RunId,
    run::{RunState, wire_name},
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{micros, run},
};

impl Store {
    /// Takes the lease of a run that has no owner, has this one, or whose owner has not renewed it. Answers
    /// the new fence, or `None` when somebody else owns it.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn lease_take(&self, id: RunId, owner: Uuid, term: Duration) -> Result<Option<i64>, Error> {
        let now = micros(Timestamp::now());
        let taken = run::Entity::update_many()
            .col_expr(run::Column::Owner, Expr::value(owner))
            .col_expr(run::Column::LeaseUntil, Expr::value(until(now, term)))
            .col_expr(run::Column::Fence, Expr::col(run::Column::Fence).add(1))
            .filter(run::Column::Id.eq(id.0))
            .filter(is_free(owner, now))
            .exec(&self.write)
            .await?;
        if taken.rows_affected == 0 {
            return Ok(None);
        }
        let fence: Option<i64> = run::Entity::find_by_id(id.0)
            .select_only()
            .column(run::Column::Fence)
            .filter(run::Column::Owner.eq(owner))
            .into_tuple()
            .one(&self.write)
            .await?;
        Ok(fence)
    }

    /// Renews every lease of this owner.
    ///
    /// # Errors
    /// `Database` when they cannot be written.
    pub async fn lease_renew(&self, owner: Uuid, term: Duration) -> Result<(), Error> {
        self.lease_set(owner, until(micros(Timestamp::now()), term)).await
    }

    /// Gives up every lease of this owner, so that nobody has to wait for their ends.
    ///
    /// # Errors
    /// `Database` when they cannot be written.
    pub async fn lease_release(&self, owner: Uuid) -> Result<(), Error> {
        self.lease_set(owner, 0).await
    }

    async fn lease_set(&self, owner: Uuid, until: i64) -> Result<(), Error> {
        run::Entity::update_many()
            .col_expr(run::Column::LeaseUntil, Expr::value(until))
            .filter(run::Column::State.is_not_in(not_live()))
            .filter(run::Column::Owner.eq(owner))
            .exec(&self.write)
            .await?;
        Ok(())
    }

    /// The live runs that this owner has or may take, oldest first: those that need a driver here.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn lease_list_free(&self, owner: Uuid) -> Result<Vec<RunId>, Error> {
        let rows: Vec<Uuid> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::State.is_not_in(not_live()))
            .filter(is_free(owner, micros(Timestamp::now())))
            .order_by_asc(run::Column::Id)
            .into_tuple()
            .all(&self.read)
            .await?;
        Ok(rows.into_iter().map(RunId).collect())
    }

    /// Those runs of this owner that somebody wants to stop.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn lease_list_cancelled(&self, owner: Uuid) -> Result<Vec<RunId>, Error> {
        let rows: Vec<Uuid> = run::Entity::find()
            .select_only()
            .column(run::Column::Id)
            .filter(run::Column::State.is_not_in(not_live()))
            .filter(run::Column::Owner.eq(owner))
            .filter(run::Column::CancelRequested.eq(true))
            .into_tuple()
            .all(&self.read)
            .await?;
        Ok(rows.into_iter().map(RunId).collect())
    }
}

fn until(now: i64, term: Duration) -> i64 {
    now.saturating_add(i64::try_from(term.as_micros()).unwrap_or(i64::MAX))
}

fn is_free(owner: Uuid, now: i64) -> Condition {
    Condition::any()
        .add(run::Column::Owner.is_null())
        .add(run::Column::Owner.eq(owner))
        .add(run::Column::LeaseUntil.lt(now))
}

fn not_live() -> [String; 2] {
    [RunState::Queued, RunState::Ended].map(|state| wire_name(&state))
}
