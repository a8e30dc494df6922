//! Secrets as they are sealed: the store never sees a value.

use api::{Timestamp, secret::SecretInfo};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use super::{
    Error, Store,
    entity::{micros, now, secret, timestamp},
};
use crate::secrets::Sealed;

/// A secret as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSecret {
    /// What may be known of it.
    pub info: SecretInfo,
    /// Its value.
    pub sealed: Sealed,
    /// The value before that one, if it was ever replaced.
    pub previous: Option<Sealed>,
}

impl Store {
    /// Stores a secret, or replaces its value, and answers when it was set first and last.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn secret_put(&self, name: &str, sealed: Sealed) -> Result<SecretInfo, Error> {
        let now = micros(now());
        let row = secret::ActiveModel {
            name: Set(name.to_owned()),
            key_id: Set(sealed.key_id),
            sealed: Set(sealed.bytes),
            previous_key_id: Set(None),
            previous: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
        };
        // On both databases the right side of these is the row as it was.
        let was = |column| Expr::col(("secrets", column));
        let replace = OnConflict::column(secret::Column::Name)
            .value(secret::Column::PreviousKeyId, was("key_id"))
            .value(secret::Column::Previous, was("sealed"))
            .update_columns([secret::Column::KeyId, secret::Column::Sealed, secret::Column::UpdatedAt])
            .to_owned();
        secret::Entity::insert(row).on_conflict(replace).exec_without_returning(&self.write).await?;
        let stored = secret::Entity::find_by_id(name).one(&self.write).await?;
        // Deleted again in this very moment: it was there all the same.
        Ok(stored.map_or_else(
            || SecretInfo { name: name.to_owned(), created_at: timestamp(now), updated_at: timestamp(now) },
            |row| StoredSecret::from(row).info,
        ))
    }

    /// One secret.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn secret_fetch(&self, name: &str) -> Result<Option<StoredSecret>, Error> {
        Ok(secret::Entity::find_by_id(name).one(&self.read).await?.map(StoredSecret::from))
    }

    /// What is known of all secrets, by name.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn secret_list(&self) -> Result<Vec<SecretInfo>, Error> {
        let columns = [secret::Column::Name, secret::Column::CreatedAt, secret::Column::UpdatedAt];
        let find = secret::Entity::find().select_only().columns(columns);
        let rows: Vec<(String, i64, i64)> =
            find.order_by_asc(secret::Column::Name).into_tuple().all(&self.read).await?;
        let info = |(name, created, updated): (String, i64, i64)| SecretInfo {
            name,
            created_at: timestamp(created),
            updated_at: timestamp(updated),
        };
        Ok(rows.into_iter().map(info).collect())
    }

    /// How many secrets there are beside the one of this name.
    ///
    /// # Errors
    /// `Database` when they cannot be counted.
    pub async fn secret_count_others(&self, name: &str) -> Result<u64, Error> {
        let others = secret::Entity::find().filter(secret::Column::Name.ne(name));
        Ok(others.count(&self.read).await?)
    }

    /// Whether there is a secret of this name.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn secret_exists(&self, name: &str) -> Result<bool, Error> {
        let found = secret::Entity::find().filter(secret::Column::Name.eq(name));
        Ok(0 < found.count(&self.read).await?)
    }

    /// Deletes a secret. Returns whether there was one.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn secret_delete(&self, name: &str) -> Result<bool, Error> {
        Ok(secret::Entity::delete_by_id(name).exec(&self.write).await?.rows_affected == 1)
    }

    /// Replaces `seen` by the same values, sealed again. Returns whether it was still as it was seen.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn secret_reseal(
        &self,
        seen: &StoredSecret,
        sealed: Sealed,
        previous: Option<Sealed>,
    ) -> Result<bool, Error> {
        let (previous_key_id, previous) = previous.map(|it| (it.key_id, it.bytes)).unzip();
        let done = secret::Entity::update_many()
            .col_expr(secret::Column::KeyId, Expr::value(sealed.key_id))
            .col_expr(secret::Column::Sealed, Expr::value(sealed.bytes))
            .col_expr(secret::Column::PreviousKeyId, Expr::value(previous_key_id))
            .col_expr(secret::Column::Previous, Expr::value(previous))
            .filter(secret::Column::Name.eq(seen.info.name.as_str()))
            .filter(secret::Column::Sealed.eq(seen.sealed.bytes.clone()))
            .exec(&self.write)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// Forgets the values that were replaced before this moment.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn secret_forget_replaced(&self, before: Timestamp) -> Result<(), Error> {
        secret::Entity::update_many()
            .col_expr(secret::Column::PreviousKeyId, Expr::value(Option::<String>::None))
            .col_expr(secret::Column::Previous, Expr::value(Option::<Vec<u8>>::None))
            .filter(secret::Column::UpdatedAt.lt(micros(before)))
            .filter(secret::Column::Previous.is_not_null())
            .exec(&self.write)
            .await?;
        Ok(())
    }
}
