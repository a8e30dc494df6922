//! Gates: rows, so that they survive a restart and are answered once.

use api::{
    Timestamp,
    id::RunId,
    run::{Gate, wire_name},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{gate, micros, to_json},
};

/// A gate with what only the driver of its run needs.
#[derive(Clone, Debug)]
pub struct GateRecord {
    /// The gate as everyone sees it.
    pub gate: Gate,
    /// The agent's request as it came, for gates that the agent opened.
    pub ask: Option<String>,
    /// The execution that waits for the answer.
    pub execution: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Whether the answer has reached who waits for it.
    pub delivered: bool,
}

impl Store {
    /// Stores a gate; one that is known already stays as it is.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn gate_insert(&self, run: RunId, new: &GateRecord) -> Result<(), Error> {
        let row = gate::ActiveModel {
            id: Set(new.gate.id),
            run_id: Set(run.0),
            kind: Set(wire_name(&new.gate.kind)),
            // As JSON: whatever characters the agent used, every database holds them.
            text: Set(to_json("text of a gate", &new.gate.text)?),
            options: Set(to_json("options of a gate", &new.gate.options)?),
            ask: Set(new.ask.clone()),
            execution: Set(new.execution.clone()),
            since: Set(micros(new.gate.since)),
            until: Set(new.gate.until.map(micros)),
            answer: Set(None),
            answered_at: Set(None),
            delivered_at: Set(None),
        };
        gate::Entity::insert(row)
            .on_conflict(OnConflict::column(gate::Column::Id).do_nothing().to_owned())
            .exec_without_returning(&self.write)
            .await?;
        Ok(())
    }

    /// All gates of a run, oldest first.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn gate_list(&self, run: RunId) -> Result<Vec<GateRecord>, Error> {
        let find = gate::Entity::find().filter(gate::Column::RunId.eq(run.0));
        let rows =
            find.order_by_asc(gate::Column::Since).order_by_asc(gate::Column::Id).all(&self.read).await?;
        rows.into_iter().map(GateRecord::try_from).collect()
    }

    /// Answers a gate, if nobody has before. Answers whether this was the answer.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn gate_answer(&self, run: RunId, id: Uuid, answer: &str) -> Result<bool, Error> {
        let done = gate::Entity::update_many()
            .col_expr(gate::Column::Answer, Expr::value(to_json("answer", &answer)?))
            .col_expr(gate::Column::AnsweredAt, Expr::value(micros(Timestamp::now())))
            .filter(gate::Column::Id.eq(id))
            .filter(gate::Column::RunId.eq(run.0))
            .filter(gate::Column::Answer.is_null())
            .exec(&self.write)
            .await?;
        Ok(done.rows_affected == 1)
    }
}

/// Notes that the answer of a gate has reached who waits for it.
pub(super) async fn set_delivered(connection: &impl ConnectionTrait, id: Uuid) -> Result<(), Error> {
    gate::Entity::update_many()
        .col_expr(gate::Column::DeliveredAt, Expr::value(micros(Timestamp::now())))
        .filter(gate::Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}
