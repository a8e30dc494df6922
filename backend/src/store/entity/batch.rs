//! `batches`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "batches")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub task_id: Uuid,
    pub name: String,
    /// JSON: the repositories as they were asked for.
    #[sea_orm(column_type = "Text")]
    pub targets: String,
    pub concurrency: Option<i32>,
    pub stop_after_failures: Option<i32>,
    pub budget_usd: Option<f64>,
    pub stopped: Option<String>,
    pub idempotency_key: Option<String>,
    /// What was asked with the key, as a hash.
    pub asked: Option<String>,
    pub created_at: i64,
    /// What the dearest model call of its runs has cost, in US dollars.
    pub dearest_usd: Option<f64>,
    /// Whether a person has said that it may go on although something has an unknown cost.
    pub unknown_accepted: bool,
    /// Who created it.
    pub owned_by: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
