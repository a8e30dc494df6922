//! `gates`.

use api::run::Gate;
use sea_orm::entity::prelude::*;

use super::{from_json, from_name, timestamp};
use crate::store::{Error, GateRecord};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "gates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub run_id: Uuid,
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub text: String,
    #[sea_orm(column_type = "Text")]
    pub options: String,
    /// The agent's request as it came, JSON.
    pub ask: Option<String>,
    pub execution: Option<String>,
    pub since: i64,
    pub until: Option<i64>,
    pub answer: Option<String>,
    pub answered_at: Option<i64>,
    pub delivered_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for GateRecord {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            gate: Gate {
                id: row.id,
                kind: from_name("gate kind", &row.kind)?,
                text: from_json("text of a gate", &row.text)?,
                options: from_json("options of a gate", &row.options)?,
                since: timestamp(row.since),
                until: row.until.map(timestamp),
                answer: row.answer.as_deref().map(|text| from_json("answer", text)).transpose()?,
            },
            ask: row.ask,
            execution: row.execution,
            answered_at: row.answered_at.map(timestamp),
            delivered: row.delivered_at.is_some(),
        })
    }
}
