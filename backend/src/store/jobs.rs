//! Which of several servers does a background job that one of them does for all.

use std::time::Duration;

use api::Timestamp;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use uuid::Uuid;

use super::{Error, Store, entity::micros};

impl Store {
    /// Takes a job for so long, or keeps it. Returns `false` while another server has it.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn job_claim(&self, name: &str, owner: Uuid, term: Duration) -> Result<bool, Error> {
        let now = Timestamp::now();
        let mut claim = Query::insert();
        claim.into_table("jobs").columns(["name", "owner", "until"]).values_panic([
            name.into(),
            owner.into(),
            micros(now + term).into(),
        ]);
        let is_free =
            Expr::col(("jobs", "owner")).eq(owner).or(Expr::col(("jobs", "until")).lte(micros(now)));
        let mut take = OnConflict::column("name");
        take.update_columns(["owner", "until"]).action_and_where(is_free);
        claim.on_conflict(take);
        Ok(self.write.execute(&claim).await?.rows_affected() == 1)
    }
}
