//! `tasks`.

use api::{id::TaskId, task::Task};
use sea_orm::entity::prelude::*;

use super::{from_json, timestamp};
use crate::store::Error;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub version: i64,
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub spec: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub archived_at: Option<i64>,
    pub owned_by: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Task {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            id: TaskId(row.id),
            version: row.version,
            owner: row.owned_by,
            spec: from_json("task", &row.spec)?,
            created_at: timestamp(row.created_at),
            updated_at: timestamp(row.updated_at),
            archived_at: row.archived_at.map(timestamp),
        })
    }
}
