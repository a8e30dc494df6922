//! `run_events`.

use api::event::Event;
use sea_orm::entity::prelude::*;

use super::{from_json, timestamp};
use crate::store::Error;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "run_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub run_id: Uuid,
    pub seq: i64,
    pub at: i64,
    pub step: Option<i32>,
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub data: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Event {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let body = format!(r#"{{"kind":"{}","data":{}}}"#, row.kind, row.data);
        Ok(Self {
            seq: row.seq,
            at: timestamp(row.at),
            step: row.step.map(i32::unsigned_abs),
            body: from_json("event", &body)?,
        })
    }
}
