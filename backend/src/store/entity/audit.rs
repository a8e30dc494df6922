//! `audit`.

use api::{audit::AuditEntry, id::AuditId};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

use super::{clean, micros, timestamp};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: i64,
    pub actor: String,
    pub origin: Option<String>,
    pub action: String,
    pub target: Option<String>,
    pub ok: bool,
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for AuditEntry {
    fn from(row: Model) -> Self {
        Self {
            id: AuditId(row.id),
            at: timestamp(row.at),
            actor: row.actor,
            origin: row.origin,
            action: row.action,
            target: row.target,
            ok: row.ok,
            error: row.error,
        }
    }
}

impl From<&AuditEntry> for ActiveModel {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            id: Set(entry.id.0),
            at: Set(micros(entry.at)),
            actor: Set(clean(entry.actor.clone())),
            origin: Set(entry.origin.clone()),
            action: Set(clean(entry.action.clone())),
            target: Set(entry.target.clone().map(clean)),
            ok: Set(entry.ok),
            error: Set(entry.error.clone().map(clean)),
        }
    }
}
