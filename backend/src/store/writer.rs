//! The writer: the one task through which everything that happens to a run reaches the database.
//!
//! It takes whatever writes have gathered, of all runs, and commits them in one transaction. Each write is
//! whole: its state change, its fields, its events and the executor's cursor, or nothing of it.

use std::sync::Arc;

use api::{
    Timestamp,
    event::{EventBody, StateChange},
    run::{RunState, wire_name},
};
use sea_orm::{
    ActiveValue::{NotSet, Set, Unchanged},
    DatabaseConnection, DatabaseTransaction, EntityTrait, TransactionTrait,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Delivered, Error, NewEvent, RunRecord, RunWrite, Written,
    bells::Bells,
    entity::{micros, run, run_event, to_json},
};

/// The most writes in one transaction.
const GROUP: usize = 256;
/// The most rows in one `INSERT`: 7 columns each, and `SQLite` takes 32,766 parameters.
const ROWS: usize = 2_000;

/// A write and who waits for it.
pub(super) struct Job {
    pub(super) write: RunWrite,
    pub(super) reply: oneshot::Sender<Result<Written, Error>>,
}

pub(super) struct Writer {
    database: DatabaseConnection,
    bells: Arc<Bells>,
    jobs: mpsc::Receiver<Job>,
}

impl Writer {
    pub(super) const fn new(
        database: DatabaseConnection,
        bells: Arc<Bells>,
        jobs: mpsc::Receiver<Job>,
    ) -> Self {
        Self { database, bells, jobs }
    }

    /// Writes until it is asked to stop and nothing waits any more.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                biased;
                taken = self.jobs.recv_many(&mut group, GROUP) => if taken == 0 { return },
                () = stop.cancelled() => self.jobs.close(),
            }
            if !group.is_empty() {
                self.commit(std::mem::take(&mut group)).await;
            }
        }
    }

    async fn commit(&self, group: Vec<Job>) {
        let (writes, replies): (Vec<_>, Vec<_>) = group.into_iter().map(|job| (job.write, job.reply)).unzip();
        match self.try_commit(&writes).await {
            Ok(results) => {
                for ((write, reply), result) in writes.iter().zip(replies).zip(results) {
                    if result.is_ok() {
                        self.bells.ring(write.run);
                        if write.is_visible() {
                            self.bells.ring_change(write.run);
                        }
                    }
                    // Whoever asked may be gone by now; the write stands.
                    let _ = reply.send(result);
                }
            }
            Err(error) => {
                tracing::warn!(writes = writes.len(), %error, "a group of writes could not be committed");
                let why = error.to_string();
                for reply in replies {
                    let _ = reply.send(Err(Error::Database(sea_orm::DbErr::Custom(why.clone()))));
                }
            }
        }
    }

    /// All writes of a group in one transaction. One that is refused leaves the others alone.
    async fn try_commit(&self, writes: &[RunWrite]) -> Result<Vec<Result<Written, Error>>, Error> {
        let transaction = self.database.begin().await?;
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            results.push(match apply(&transaction, write).await {
                Err(Error::Database(error)) => return Err(Error::Database(error)),
                result => result,
            });
        }
        transaction.commit().await?;
        Ok(results)
    }
}

impl RunWrite {
    /// Whether the list of runs looks different after this write.
    const fn is_visible(&self) -> bool {
        self.transition.is_some()
            || self.patch.step.is_some()
            || self.patch.attempt.is_some()
            || self.patch.cost.is_some()
            || self.patch.head_commit.is_some()
            || self.patch.instance_id.is_some()
            || self.patch.gate.is_some()
            || self.patch.artifacts.is_some()
    }
}

async fn apply(transaction: &DatabaseTransaction, write: &RunWrite) -> Result<Written, Error> {
    let row = run::Entity::find_by_id(write.run.0).one(transaction).await?.ok_or(Error::Missing("run"))?;
    if write.fence.is_some_and(|fence| fence != row.fence) {
        return Err(Error::Fenced);
    }
    let record = RunRecord::try_from(row)?;
    if write.only_in.is_some_and(|state| state != record.run.state) {
        return Err(Error::Stale("run"));
    }
    let now = Timestamp::now();
    let state = write.transition.map_or(Ok(record.run.state), |step| record.run.state.after(step))?;

    let mut rows = Vec::with_capacity(write.events.len() + 1);
    let mut seq = record.run.last_seq;
    let mut append = |event: &NewEvent| -> Result<(), Error> {
        seq += 1;
        rows.push(event_row(write, seq, event)?);
        Ok(())
    };
    for event in write.events.iter().filter(|event| is_new(&record, write, event)) {
        append(event)?;
    }
    if write.transition.is_some() {
        append(&NewEvent {
            at: now,
            step: None,
            body: EventBody::State(state_change(write, state)),
            n: None,
        })?;
    }
    for chunk in rows.chunks(ROWS) {
        run_event::Entity::insert_many(chunk.to_vec()).exec_without_returning(transaction).await?;
    }
    match write.delivered {
        Some(Delivered::Gate(id)) => super::gates::set_delivered(transaction, id).await?,
        Some(Delivered::Message(id)) => super::messages::set_delivered(transaction, id).await?,
        None => {}
    }
    run::Entity::update(changes(write, &record, state, seq, now)?).validate()?.exec(transaction).await?;
    Ok(Written { state, last_seq: seq })
}

/// Whether an event has not been stored by an earlier, repeated pull.
fn is_new(record: &RunRecord, write: &RunWrite, event: &NewEvent) -> bool {
    event.n.is_none_or(|n| write.execution != record.execution || record.execution_n < n)
}

fn state_change(write: &RunWrite, state: RunState) -> StateChange {
    StateChange {
        state,
        outcome: write.end.as_ref().map(|end| end.reason.outcome()),
        reason: write.end.as_ref().map(|end| end.reason),
        detail: write.end.as_ref().map(|end| end.detail.clone()),
    }
}

fn event_row(write: &RunWrite, seq: i64, event: &NewEvent) -> Result<run_event::ActiveModel, Error> {
    /// The two halves of an event's body, as serde splits them.
    #[derive(serde::Deserialize)]
    struct Halves {
        kind: String,
        data: Box<serde_json::value::RawValue>,
    }
    let halves: Halves = super::entity::from_json("event", &to_json("event", &event.body)?)?;
    Ok(run_event::ActiveModel {
        id: NotSet,
        run_id: Set(write.run.0),
        seq: Set(seq),
        at: Set(micros(event.at)),
        step: Set(event.step.and_then(|step| i32::try_from(step).ok())),
        kind: Set(halves.kind),
        data: Set(halves.data.get().to_owned()),
    })
}

fn changes(
    write: &RunWrite,
    record: &RunRecord,
    state: RunState,
    last_seq: i64,
    now: Timestamp,
) -> Result<run::ActiveModel, Error> {
    let patch = &write.patch;
    let mut row = run::ActiveModel {
        id: Unchanged(write.run.0),
        last_seq: Set(last_seq),
        version: Set(record.run.version + 1),
        ..Default::default()
    };
    if write.transition.is_some() {
        row.state = Set(wire_name(&state));
        if record.run.started_at.is_none() && state == RunState::Starting {
            row.started_at = Set(Some(micros(now)));
        }
    }
    if let Some(end) = &write.end {
        row.outcome = Set(Some(wire_name(&end.reason.outcome())));
        row.reason = Set(Some(wire_name(&end.reason)));
        row.detail = Set(Some(end.detail.clone()));
        row.ended_at = Set(Some(micros(now)));
    }
    let small = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    if let Some(id) = patch.instance_id {
        row.instance_id = Set(Some(id.0));
    }
    if let Some(step) = patch.step {
        row.step = Set(small(step));
    }
    if let Some(attempt) = patch.attempt {
        row.attempt = Set(small(attempt));
    }
    if let Some(cost) = patch.cost {
        row.cost_usd = Set(cost.usd);
        row.cost_known = Set(cost.known);
    }
    if let Some(usage) = &patch.usage {
        row.usage = Set(to_json("usage", usage)?);
    }
    if let Some(gate) = &patch.gate {
        row.gate = Set(gate.as_ref().map(|gate| to_json("gate", gate)).transpose()?);
    }
    if let Some(artifacts) = &patch.artifacts {
        row.artifacts = Set(to_json("artifacts", artifacts)?);
    }
    if let Some((execution, n)) = &patch.execution {
        row.execution = Set(Some(execution.clone()));
        row.execution_n = Set(i64::try_from(*n).unwrap_or(i64::MAX));
    }
    for (column, value) in [
        (&mut row.base_commit, &patch.base_commit),
        (&mut row.agent_session, &patch.agent_session),
        (&mut row.model, &patch.model),
        (&mut row.head_commit, &patch.head_commit),
    ] {
        if value.is_some() {
            *column = Set(value.clone());
        }
    }
    Ok(row)
}
