//! `gates`.

use api::run::{Gate, GateKind};
use sea_orm::{FromQueryResult, Iterable, QuerySelect, Select, SelectModel, Selector, entity::prelude::*};

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
    /// The agent's request as it came, JSON, until its answer is delivered; of a gate that the budget of a batch has
    /// opened, a word.
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

/// What of a gate is read in lists: all but the agent's request, which may be long.
#[derive(FromQueryResult)]
pub struct Listed {
    id: Uuid,
    kind: String,
    text: String,
    options: String,
    execution: Option<String>,
    since: i64,
    until: Option<i64>,
    answer: Option<String>,
    answered_at: Option<i64>,
    delivered_at: Option<i64>,
    has_ask: bool,
}

impl Listed {
    pub fn select(find: Select<Entity>) -> Selector<SelectModel<Self>> {
        let columns = Column::iter().filter(|column| !matches!(column, Column::RunId | Column::Ask));
        let find = find.select_only().columns(columns);
        find.column_as(Column::Ask.is_not_null(), "has_ask").into_model()
    }
}

impl TryFrom<Listed> for GateRecord {
    type Error = Error;

    fn try_from(row: Listed) -> Result<Self, Error> {
        let kind = from_name("gate kind", &row.kind)?;
        Ok(Self {
            // Nobody else has asked when the budget is meant.
            of_batch: kind == GateKind::Budget && row.has_ask,
            gate: Gate {
                id: row.id,
                kind,
                text: from_json("text of a gate", &row.text)?,
                options: from_json("options of a gate", &row.options)?,
                since: timestamp(row.since),
                until: row.until.map(timestamp),
                answer: row.answer.as_deref().map(|text| from_json("answer", text)).transpose()?,
            },
            execution: row.execution,
            answered_at: row.answered_at.map(timestamp),
            delivered: row.delivered_at.is_some(),
        })
    }
}
