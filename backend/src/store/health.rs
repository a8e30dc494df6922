//! Whether the database can be written, as the last writes have shown or a probe finds out.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{ActiveValue::Set, DbErr, EntityTrait};
use tokio::time::Instant;

use super::{Error, Store, entity::session, trouble::Trouble};

/// How long a write says something about the next one. Longer than the longest pause between two tries of a
/// driver, so that a database that keeps refusing is never called well in between.
const HOLDS: Duration = Duration::from_secs(6);
/// How long a probe may take.
const PROBE: Duration = Duration::from_secs(3);

/// What became of the last writes.
#[derive(Default)]
pub(super) struct Health(Mutex<Last>);

#[derive(Default)]
struct Last {
    committed: Option<Instant>,
    refused: Option<(Instant, Trouble)>,
}

impl Health {
    /// Notes that something was committed.
    pub(super) fn committed(&self) {
        self.last(|last| last.committed = Some(Instant::now()));
    }

    /// Notes an error, if the database is to blame for it, and passes the result on.
    pub(super) fn heed<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if let Some(trouble) = result.as_ref().err().and_then(Trouble::of) {
            self.refused(trouble);
        }
        result
    }

    fn refused(&self, trouble: Trouble) {
        self.last(|last| last.refused = Some((Instant::now(), trouble)));
    }

    /// What is known from the last writes; `None` when they are too long ago.
    fn known(&self) -> Option<Result<(), Trouble>> {
        self.last(|last| match (last.refused, last.committed) {
            (Some((at, trouble)), _) if at.elapsed() < HOLDS => Some(Err(trouble)),
            (_, Some(at)) if at.elapsed() < HOLDS => Some(Ok(())),
            _ => None,
        })
    }

    fn last<T>(&self, with: impl FnOnce(&mut Last) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    /// Whether the database can be written. Something is written only when nothing was for some seconds.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn check_writable(&self) -> Result<(), Trouble> {
        let health = &self.write.health;
        if let Some(known) = health.known() {
            return known;
        }
        let trouble = match tokio::time::timeout(PROBE, self.probe()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Error::Database(error))) => Trouble::of(&error).unwrap_or(Trouble::Away),
            Ok(Err(_)) => Trouble::Away,
            Err(_) => Trouble::Slow,
        };
        health.refused(trouble);
        Err(trouble)
    }

    /// Commits a row that is there for nobody. A statement that changes nothing would succeed on a full disk.
    async fn probe(&self) -> Result<(), Error> {
        let row = session::ActiveModel {
            hash: Set(b"probe".to_vec()),
            // Over already, so that it would be removed if it were ever left behind.
            expires_at: Set(-1),
            actor: Set(String::new()),
            token: Set(None),
        };
        let transaction = self.write.begin().await?;
        session::Entity::insert(row).exec_without_returning(&transaction).await?;
        session::Entity::delete_by_id(b"probe".to_vec()).exec(&transaction).await?;
        Ok(transaction.commit().await?)
    }
}
