//! `secrets`.

use api::secret::SecretInfo;
use sea_orm::entity::prelude::*;

use super::timestamp;
use crate::{secrets::Sealed, store::StoredSecret};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "secrets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub key_id: String,
    pub sealed: Vec<u8>,
    pub previous_key_id: Option<String>,
    pub previous: Option<Vec<u8>>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for StoredSecret {
    fn from(row: Model) -> Self {
        let previous = row.previous_key_id.zip(row.previous);
        Self {
            sealed: Sealed { key_id: row.key_id, bytes: row.sealed },
            previous: previous.map(|(key_id, bytes)| Sealed { key_id, bytes }),
            info: SecretInfo {
                name: row.name,
                created_at: timestamp(row.created_at),
                updated_at: timestamp(row.updated_at),
            },
        }
    }
}
