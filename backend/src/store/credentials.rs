//! Tokens of callers and sessions of browsers, by hash. A session lives no longer than the token that began it.

use api::{Timestamp, role::Role};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};

use super::{
    Error, Store,
    entity::{from_name, micros, session, timestamp, token},
};

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// What it is for.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Remembers a token. One that is known already stays as it is.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn token_insert(
        &self,
        name: &str,
        role: Role,
        hash: [u8; 32],
        expires_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        insert(&self.write, name, role, hash, expires_at).await
    }

    /// Remembers an admin's token as the only one of its name: the others of that name go, with their sessions. Returns how
    /// many went.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn token_replace(&self, name: &str, hash: [u8; 32]) -> Result<usize, Error> {
        let others = token::Entity::find().filter(token::Column::Name.eq(name));
        let others = others.filter(token::Column::Hash.ne(hash.to_vec())).all(&self.read).await?;
        let others: Vec<Vec<u8>> = others.into_iter().map(|row| row.hash).collect();
        let transaction = self.write.begin().await?;
        delete(&transaction, &others).await?;
        // It may be known by another name, or with an end.
        token::Entity::delete_by_id(hash.to_vec()).exec(&transaction).await?;
        insert(&transaction, name, Role::Admin, hash, None).await?;
        transaction.commit().await?;
        Ok(others.len())
    }

    /// The token with this hash, if there is one that has not expired.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn token_fetch(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<StoredToken>, Error> {
        let row = token::Entity::find_by_id(hash.to_vec()).one(&self.read).await?;
        let lives = |row: &token::Model| row.expires_at.is_none_or(|end| micros(now) < end);
        row.filter(lives).map(whole).transpose()
    }

    /// Every token, oldest first; those that have expired too.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn token_list(&self) -> Result<Vec<StoredToken>, Error> {
        let rows = token::Entity::find().order_by_asc(token::Column::CreatedAt).all(&self.read).await?;
        rows.into_iter().map(whole).collect()
    }

    /// Forgets a token and ends the sessions that it began, or none of both.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn token_delete(&self, hash: [u8; 32]) -> Result<(), Error> {
        let transaction = self.write.begin().await?;
        delete(&transaction, &[hash.to_vec()]).await?;
        Ok(transaction.commit().await?)
    }

    /// How many tokens there are.
    ///
    /// # Errors
    /// `Database` when they cannot be counted.
    pub async fn token_count(&self) -> Result<u64, Error> {
        Ok(token::Entity::find().count(&self.read).await?)
    }

    /// Remembers a browser's session, with the token that began it, and forgets those that are over.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn session_insert(
        &self,
        hash: [u8; 32],
        actor: &str,
        token: [u8; 32],
        expires: Timestamp,
    ) -> Result<(), Error> {
        let over = session::Column::ExpiresAt.lt(micros(Timestamp::now()));
        session::Entity::delete_many().filter(over).exec(&self.write).await?;
        let row = session::ActiveModel {
            hash: Set(hash.to_vec()),
            expires_at: Set(micros(expires)),
            actor: Set(actor.to_owned()),
            token: Set(Some(token.to_vec())),
        };
        // It may have been stored by a try whose answer nobody waited for.
        let known = OnConflict::column(session::Column::Hash).do_nothing().to_owned();
        session::Entity::insert(row).on_conflict(known).exec_without_returning(&self.write).await?;
        Ok(())
    }

    /// The hash of the token that began the session with this hash, if there is one that is not over.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn session_token(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<[u8; 32]>, Error> {
        let row = session::Entity::find_by_id(hash.to_vec()).one(&self.read).await?;
        let token = row.filter(|row| micros(now) < row.expires_at).and_then(|row| row.token);
        token.map(|token| hash_of(&token)).transpose()
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

fn whole(row: token::Model) -> Result<StoredToken, Error> {
    Ok(StoredToken {
        hash: hash_of(&row.hash)?,
        name: row.name,
        role: from_name("role of a token", &row.role)?,
        created_at: timestamp(row.created_at),
        expires_at: row.expires_at.map(timestamp),
    })
}

async fn insert(
    database: &impl ConnectionTrait,
    name: &str,
    role: Role,
    hash: [u8; 32],
    expires_at: Option<Timestamp>,
) -> Result<(), Error> {
    let row = token::ActiveModel {
        hash: Set(hash.to_vec()),
        name: Set(name.to_owned()),
        created_at: Set(micros(Timestamp::now())),
        expires_at: Set(expires_at.map(micros)),
        role: Set(role.as_str().to_owned()),
    };
    let known = OnConflict::column(token::Column::Hash).do_nothing().to_owned();
    token::Entity::insert(row).on_conflict(known).exec_without_returning(database).await?;
    Ok(())
}

async fn delete(database: &impl ConnectionTrait, hashes: &[Vec<u8>]) -> Result<(), Error> {
    let begun = session::Column::Token.is_in(hashes.iter().cloned());
    session::Entity::delete_many().filter(begun).exec(database).await?;
    let named = token::Column::Hash.is_in(hashes.iter().cloned());
    token::Entity::delete_many().filter(named).exec(database).await?;
    Ok(())
}

fn hash_of(stored: &[u8]) -> Result<[u8; 32], Error> {
    let corrupt = |_| Error::Corrupt { what: "hash of a token", why: "it has not 32 bytes".to_owned() };
    stored.try_into().map_err(corrupt)
}
