//! Tokens of callers and sessions of browsers, by hash.

use api::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::OnConflict,
};

use super::{
    Error, Store,
    entity::{micros, session, token},
};

impl Store {
    /// Remembers a token. One that is known already stays as it is.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn token_insert(&self, name: &str, hash: [u8; 32]) -> Result<(), Error> {
        let row = token::ActiveModel {
            hash: Set(hash.to_vec()),
            name: Set(name.to_owned()),
            created_at: Set(micros(Timestamp::now())),
        };
        let known = OnConflict::column(token::Column::Hash).do_nothing().to_owned();
        token::Entity::insert(row).on_conflict(known).exec_without_returning(&self.write).await?;
        Ok(())
    }

    /// The name of the token with this hash, if there is one.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn token_name(&self, hash: [u8; 32]) -> Result<Option<String>, Error> {
        Ok(token::Entity::find_by_id(hash.to_vec()).one(&self.read).await?.map(|row| row.name))
    }

    /// How many tokens there are.
    ///
    /// # Errors
    /// `Database` when they cannot be counted.
    pub async fn token_count(&self) -> Result<u64, Error> {
        Ok(token::Entity::find().count(&self.read).await?)
    }

    /// Remembers a browser's session, with the name of the token that began it, and forgets those that are over.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn session_insert(&self, hash: [u8; 32], actor: &str, expires: Timestamp) -> Result<(), Error> {
        let over = session::Column::ExpiresAt.lt(micros(Timestamp::now()));
        session::Entity::delete_many().filter(over).exec(&self.write).await?;
        let row = session::ActiveModel {
            hash: Set(hash.to_vec()),
            expires_at: Set(micros(expires)),
            actor: Set(actor.to_owned()),
        };
        // It may have been stored by a try whose answer nobody waited for.
        let known = OnConflict::column(session::Column::Hash).do_nothing().to_owned();
        session::Entity::insert(row).on_conflict(known).exec_without_returning(&self.write).await?;
        Ok(())
    }

    /// The name of the token that began the session with this hash, if there is one that is not over.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn session_actor(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<String>, Error> {
        let row = session::Entity::find_by_id(hash.to_vec()).one(&self.read).await?;
        Ok(row.filter(|row| micros(now) < row.expires_at).map(|row| row.actor))
    }

    /// Forgets a session.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn session_delete(&self, hash: [u8; 32]) -> Result<(), Error> {
        session::Entity::delete_by_id(hash.to_vec()).exec(&self.write).await?;
        Ok(())
    }
}
