//! `instances`.

use api::{
    id::{InstanceId, RunId},
    instance::{Egress, Instance},
};
use sea_orm::entity::prelude::*;

use super::{from_json, from_name, timestamp};
use crate::store::Error;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "instances")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub run_id: Uuid,
    pub state: String,
    pub container_id: Option<String>,
    pub image: String,
    pub host: Option<String>,
    pub memory_limit_bytes: i64,
    pub created_at: i64,
    pub ready_at: Option<i64>,
    pub removed_at: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub egress_allowed: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Instance {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            id: InstanceId(row.id),
            run_id: RunId(row.run_id),
            state: from_name("instance state", &row.state)?,
            container_id: row.container_id,
            image: row.image,
            host: row.host,
            cpu_percent: None,
            memory_bytes: None,
            memory_limit_bytes: row.memory_limit_bytes.unsigned_abs(),
            // What was refused stands with the run.
            egress: Egress { allowed: from_json("allowed hosts", &row.egress_allowed)?, denied: Vec::new() },
            created_at: timestamp(row.created_at),
            ready_at: row.ready_at.map(timestamp),
            removed_at: row.removed_at.map(timestamp),
        })
    }
}
