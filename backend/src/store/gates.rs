//! Gates: rows, so that they survive a restart and are answered once.

use api::{
    Timestamp,
    id::RunId,
    run::{Gate, GateKind, wire_name},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{
    Error, Store,
    entity::{gate, micros, to_json},
};
use crate::cut::cut;

/// Stands in the place of the agent's request in a gate that the budget of a batch has opened.
const BATCH: &str = "batch";

/// A gate with what only the driver of its run needs, but for the agent's request.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRecord {
    /// The gate as everyone sees it.
    pub gate: Gate,
    /// Whether the budget of the run's batch has opened it.
    pub of_batch: bool,
    /// The execution that waits for the answer.
    pub execution: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Whether the answer has reached who waits for it.
    pub delivered: bool,
}

impl GateRecord {
    /// A gate that was just opened.
    #[must_use]
    pub fn of(gate: Gate, execution: Option<String>) -> Self {
        Self { gate, of_batch: false, execution, answered_at: None, delivered: false }
    }
}

impl Store {
    /// Stores a gate, and the agent's request that opened it; one that is known already stays as it is.
    ///
    /// # Errors
    /// `Database` when it cannot be written.
    pub async fn gate_insert(&self, run: RunId, new: &GateRecord, ask: Option<&str>) -> Result<(), Error> {
        let mut shown = new.gate.clone();
        bound(&mut shown);
        let ask = if new.of_batch { Some(BATCH) } else { ask };
        let row = gate::ActiveModel {
            id: Set(new.gate.id),
            run_id: Set(run.0),
            kind: Set(wire_name(&new.gate.kind)),
            // As JSON: whatever characters the agent used, every database holds them.
            text: Set(to_json("text of a gate", &shown.text)?),
            options: Set(to_json("options of a gate", &shown.options)?),
            ask: Set(ask.map(str::to_owned)),
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
        let find = find.order_by_asc(gate::Column::Since).order_by_asc(gate::Column::Id);
        let rows = gate::Listed::select(find).all(&self.read).await?;
        rows.into_iter().map(GateRecord::try_from).collect()
    }

    /// One gate of a run.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn gate_fetch(&self, run: RunId, id: Uuid) -> Result<Option<GateRecord>, Error> {
        let find = gate::Entity::find_by_id(id).filter(gate::Column::RunId.eq(run.0));
        gate::Listed::select(find).one(&self.read).await?.map(GateRecord::try_from).transpose()
    }

    /// The ids of a run's gates, and which of them wait for an answer.
    ///
    /// # Errors
    /// `Database` when they cannot be read.
    pub async fn gate_ids(&self, run: RunId) -> Result<Vec<(Uuid, bool)>, Error> {
        let find = gate::Entity::find().filter(gate::Column::RunId.eq(run.0)).select_only();
        let find = find.column(gate::Column::Id).column(gate::Column::AnsweredAt);
        let rows: Vec<(Uuid, Option<i64>)> = find.into_tuple().all(&self.read).await?;
        Ok(rows.into_iter().map(|(id, answered_at)| (id, answered_at.is_none())).collect())
    }

    /// The agent's request that opened a gate, as it is kept.
    ///
    /// # Errors
    /// `Database` when it cannot be read.
    pub async fn gate_ask(&self, id: Uuid) -> Result<Option<String>, Error> {
        let find = gate::Entity::find_by_id(id).select_only().column(gate::Column::Ask);
        Ok(find.into_tuple::<Option<String>>().one(&self.read).await?.flatten())
    }

    /// Answers a gate, if nobody has before. Returns whether this was the answer.
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

/// Notes that the answer of a gate has reached who waits for it. The request is needed no more.
pub(super) async fn set_delivered(connection: &impl ConnectionTrait, id: Uuid) -> Result<(), Error> {
    let gate = || gate::Entity::update_many().filter(gate::Column::Id.eq(id));
    let now = Expr::value(micros(Timestamp::now()));
    gate().col_expr(gate::Column::DeliveredAt, now).exec(connection).await?;
    gate()
        .col_expr(gate::Column::Ask, Expr::value(Option::<String>::None))
        .filter(gate::Column::Kind.ne(wire_name(&GateKind::Budget)))
        .exec(connection)
        .await?;
    Ok(())
}

/// How long the texts of a gate may be.
#[derive(Debug)]
pub struct GateText;

impl GateText {
    /// The longest question, in bytes.
    pub const LONGEST: usize = 8 << 10;
    /// How much of a longer one is shown, in bytes.
    pub const SHOWN: usize = Self::LONGEST - 256;
    /// The most answers that are suggested, and the longest of them, in bytes.
    const OPTIONS: (usize, usize) = (16, 500);
}

/// As much of a gate as anybody reads: it is part of its run, and of every list of runs.
pub(super) fn bound(gate: &mut Gate) {
    cut(&mut gate.text, GateText::LONGEST);
    let (most, longest) = GateText::OPTIONS;
    gate.options.truncate(most);
    gate.options.iter_mut().for_each(|option| cut(option, longest));
}
