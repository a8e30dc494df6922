//! Artifacts: bytes kept of a run, by name.

use api::{Timestamp, id::RunId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, OnConflict},
};

use super::{
    Error, Store,
    entity::{artifact, micros},
};
use crate::room::Place;

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
        Ok(self.artifact_held(run, name).await?.map(|held| held.bytes))
    }

    /// The same, read as soon as there is room for them among the long texts that readers have in memory.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub(crate) async fn artifact_held(&self, run: RunId, name: &str) -> Result<Option<HeldArtifact>, Error> {
        let find = artifact::Entity::find().filter(artifact::Column::RunId.eq(run.0));
        let find = find.filter(artifact::Column::Name.eq(name));
        let size = Func::cust("octet_length").arg(Expr::col(artifact::Column::Content));
        let size = find.clone().select_only().column_as(Expr::expr(size).cast_as("BIGINT"), "size");
        let Some(size) = size.into_tuple::<i64>().one(&self.read).await? else { return Ok(None) };
        let place = self.large.place(usize::try_from(size).unwrap_or(usize::MAX)).await?;
        let row = find.one(&self.read).await?;
        Ok(row.map(|row| HeldArtifact { bytes: row.content, place }))
    }
}

/// Bytes in memory, and their place.
pub(crate) struct HeldArtifact {
    bytes: Vec<u8>,
    place: Place,
}

impl HeldArtifact {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether somebody waits for the room that they take.
    pub(crate) fn is_wanted(&self) -> bool {
        self.place.is_wanted()
    }
}
