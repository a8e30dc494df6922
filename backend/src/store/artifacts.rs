//! Artifacts: bytes kept of a run, by name.

use api::{Timestamp, id::RunId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::{
    Error, Store,
    entity::{artifact, micros},
};

impl Store {
    /// Keeps these bytes of a run under a name; the same name again replaces them.
    ///
    /// # Errors
    /// `Database` when they cannot be written.
    pub async fn artifact_put(&self, run: RunId, name: &str, content: Vec<u8>) -> Result<(), Error> {
        let row = artifact::ActiveModel {
            run_id: Set(run.0),
            name: Set(name.to_owned()),
            content: Set(content),
            created_at: Set(micros(Timestamp::now())),
        };
        let key = [artifact::Column::RunId, artifact::Column::Name];
        let replace = [artifact::Column::Content, artifact::Column::CreatedAt];
        artifact::Entity::insert(row)
            .on_conflict(OnConflict::columns(key).update_columns(replace).to_owned())
            .exec_without_returning(&self.write)
            .await?;
        Ok(())
    }

    /// The bytes kept of a run under a name.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn artifact_get(&self, run: RunId, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let find = artifact::Entity::find().filter(artifact::Column::RunId.eq(run.0));
        let row = find.filter(artifact::Column::Name.eq(name)).one(&self.read).await?;
        Ok(row.map(|row| row.content))
    }
}
