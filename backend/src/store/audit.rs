//! The audit log: rows that are only ever added, read newest first, and removed when they are old.

use api::{Timestamp, audit::AuditEntry, page::Page};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LikeExpr, Query},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{audit, micros},
};

/// How many rows go at once.
const CHUNK: u64 = 500;

/// Which entries are asked for.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// An action, or the beginning of one.
    pub action: Option<String>,
    /// Who.
    pub actor: Option<String>,
}

impl Store {
    /// Adds entries, all or none. One that is there already stays as it is.
    ///
    /// # Errors
    /// `Database` when they cannot be written.
    pub async fn audit_insert(&self, entries: &[AuditEntry]) -> Result<(), Error> {
        let rows = entries.iter().map(audit::ActiveModel::from);
        let known = sea_orm::sea_query::OnConflict::column(audit::Column::Id).do_nothing().to_owned();
        audit::Entity::insert_many(rows).on_conflict(known).exec_without_returning(&self.write).await?;
        Ok(())
    }

    /// Entries, newest first.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn audit_list(
        &self,
        filter: &AuditFilter,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Page<AuditEntry>, Error> {
        let mut find = audit::Entity::find();
        if let Some(action) = &filter.action {
            let escaped = action.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let begins = LikeExpr::new(format!("{escaped}%")).escape('\\');
            find = find.filter(Expr::col(audit::Column::Action).like(begins));
        }
        if let Some(actor) = &filter.actor {
            find = find.filter(audit::Column::Actor.eq(actor.as_str()));
        }
        if let Some(before) = before {
            find = find.filter(audit::Column::Id.lt(before));
        }
        let rows = find.order_by_desc(audit::Column::Id).limit(u64::from(limit) + 1).all(&self.read).await?;
        let items = rows.into_iter().map(AuditEntry::from).collect();
        Ok(super::runs::page(items, limit, |entry: &AuditEntry| entry.id.to_string()))
    }

    /// Removes what is older than this moment, a part at a time. Returns how many went; 0 when none is left.
    ///
    /// # Errors
    /// `Database` when they cannot be removed.
    pub async fn audit_remove_some(&self, before: Timestamp) -> Result<u64, Error> {
        let mut old = Query::select();
        old.column("id").from("audit").and_where(Expr::col("at").lt(micros(before))).limit(CHUNK);
        let mut delete = Query::delete();
        delete.from_table("audit").and_where(Expr::col("id").in_subquery(old));
        Ok(self.write.execute(&delete).await?.rows_affected())
    }
}
