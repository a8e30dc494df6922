//! Messages to agents: kept until they are delivered, in the order they were sent.

use api::{Timestamp, id::RunId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{from_json, message, micros, to_json},
};

/// A message that waits for its agent.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id, by which the executor knows one that it has already.
    pub id: Uuid,
    /// What to say.
    pub text: String,
}

impl Store {
    /// Stores a message to a run's agent.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn message_insert(&self, run: RunId, text: &str) -> Result<(), Error> {
        let row = message::ActiveModel {
            id: Set(Uuid::now_v7()),
            run_id: Set(run.0),
            text: Set(to_json("message", &text)?),
            sent_at: Set(micros(Timestamp::now())),
            delivered_at: Set(None),
        };
        message::Entity::insert(row).exec_without_returning(&self.write).await?;
        Ok(())
    }

    /// The messages of a run that were not delivered yet, oldest first.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn message_list_waiting(&self, run: RunId) -> Result<Vec<Message>, Error> {
        let find = message::Entity::find().filter(message::Column::RunId.eq(run.0));
        let find = find.filter(message::Column::DeliveredAt.is_null()).order_by_asc(message::Column::Id);
        let rows = find.all(&self.read).await?;
        rows.into_iter()
            .map(|row| Ok(Message { id: row.id, text: from_json("message", &row.text)? }))
            .collect()
    }

    /// How many messages of a run wait.
    ///
    /// # Errors
    /// `Database` when they cannot be counted.
    pub async fn message_count_waiting(&self, run: RunId) -> Result<u64, Error> {
        let find = message::Entity::find().filter(message::Column::RunId.eq(run.0));
        Ok(find.filter(message::Column::DeliveredAt.is_null()).count(&self.read).await?)
    }
}

/// Notes that a message was delivered.
pub(super) async fn set_delivered(connection: &impl ConnectionTrait, id: Uuid) -> Result<(), Error> {
    message::Entity::update_many()
        .col_expr(message::Column::DeliveredAt, Expr::value(micros(Timestamp::now())))
        .filter(message::Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}
