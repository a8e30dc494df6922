//! The heads of the runs of a group: where each log ends, changed in memory and written once.

use std::{borrow::Cow, collections::HashMap};

use api::{
    Timestamp,
    event::{EventBody, StateChange},
    run::{RunState, wire_name},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    Iterable,
};
use uuid::Uuid;

use super::change::Change;
use crate::store::{
    Error, Written,
    entity::{
        micros, run,
        run_event::{Body, Row},
    },
};

/// What the database needs for an event beside what it says, in bytes: its row's other columns and its place in the index.
const ROW: u64 = 80;

/// What a write needs to know of its run.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: Uuid,
    pub(super) state: RunState,
    pub(super) last_seq: i64,
    pub(super) version: i64,
    /// The execution whose lines were stored last, and the number of the last of them.
    pub(super) execution: Option<String>,
    pub(super) execution_n: i64,
    pub(super) started: bool,
    /// Of the newest lease.
    pub(super) fence: i64,
    /// How much the events say, in bytes.
    pub(super) log_bytes: i64,
}

struct Slot {
    head: Head,
    touched: bool,
    /// Columns beside those of the head.
    columns: Option<run::ActiveModel>,
}

/// The runs of a group, as they are after the writes that were applied so far.
pub(super) struct Heads(HashMap<Uuid, Slot>);

impl Heads {
    pub(super) fn new(heads: Vec<Head>) -> Self {
        let slot = |head: Head| (head.id, Slot { head, touched: false, columns: None });
        Self(heads.into_iter().map(slot).collect())
    }

    /// Applies one write and appends its rows. One that is refused changes nothing.
    pub(super) fn apply<'a>(
        &mut self,
        change: &'a Change,
        rows: &mut Vec<Row<'a>>,
    ) -> Result<Written, Error> {
        let slot = self.0.get_mut(&change.run.0).ok_or(Error::Missing("run"))?;
        let head = &mut slot.head;
        if change.fence.is_some_and(|fence| fence != head.fence) {
            return Err(Error::Fenced);
        }
        if change.only_in.is_some_and(|state| state != head.state) {
            return Err(Error::Stale("run"));
        }
        let state = change.transition.map_or(Ok(head.state), |step| head.state.after(step))?;
        let now = Timestamp::now();
        let last = match change.transition {
            Some(_) => Some(Body::new(now, None, &EventBody::State(state_change(change, state)))?),
            None => None,
        };
        // What an earlier pull has stored is not stored again.
        let stored = (change.execution == head.execution).then(|| head.execution_n.unsigned_abs());
        let is_new = |event: &&Body| event.n.is_none_or(|n| stored.is_none_or(|stored| stored < n));
        let new = change.events.iter().filter(is_new).map(Cow::Borrowed);
        for body in new.chain(last.map(Cow::Owned)) {
            head.last_seq += 1;
            head.log_bytes = head.log_bytes.saturating_add_unsigned(body.data.len() as u64 + ROW);
            rows.push(Row { run: change.run, seq: head.last_seq, body });
        }
        head.state = state;
        head.version += 1;
        if let Some((execution, n)) = &change.cursor {
            head.execution = Some(execution.clone());
            head.execution_n = *n;
        }
        slot.touched = true;
        set_columns(slot, change, now);
        let Head { last_seq, log_bytes, .. } = slot.head;
        Ok(Written { state, last_seq, log_bytes: log_bytes.unsigned_abs() })
    }

    /// The runs that only went on, and those of which more has changed, each in the order of ids.
    pub(super) fn changed(self) -> (Vec<Head>, Vec<run::ActiveModel>) {
        let mut slots: Vec<Slot> = self.0.into_values().filter(|slot| slot.touched).collect();
        slots.sort_unstable_by_key(|slot| slot.head.id);
        let (mut progress, mut rest) = (Vec::new(), Vec::new());
        for Slot { head, columns, .. } in slots {
            match columns {
                None => progress.push(head),
                Some(mut row) => {
                    row.id = Unchanged(head.id);
                    row.last_seq = Set(head.last_seq);
                    row.version = Set(head.version);
                    row.execution = Set(head.execution);
                    row.execution_n = Set(head.execution_n);
                    row.log_bytes = Set(head.log_bytes);
                    rest.push(row);
                }
            }
        }
        (progress, rest)
    }
}

fn state_change(change: &Change, state: RunState) -> StateChange {
    StateChange {
        state,
        outcome: change.end.as_ref().map(|end| end.reason.outcome()),
        reason: change.end.as_ref().map(|end| end.reason),
        detail: change.end.as_ref().map(|end| end.detail.clone()),
    }
}

fn set_columns(slot: &mut Slot, change: &Change, now: Timestamp) {
    if change.columns.is_none() && change.transition.is_none() && change.end.is_none() {
        return;
    }
    let row = slot.columns.get_or_insert_default();
    if let Some(set) = &change.columns {
        for column in run::Column::iter() {
            if let Some(value) = set.get(column).into_value() {
                row.set(column, value);
            }
        }
    }
    if change.transition.is_some() {
        row.state = Set(wire_name(&slot.head.state));
        if !slot.head.started && slot.head.state == RunState::Starting {
            slot.head.started = true;
            row.started_at = Set(Some(micros(now)));
        }
    }
    if let Some(end) = &change.end {
        row.outcome = Set(Some(wire_name(&end.reason.outcome())));
        row.reason = Set(Some(wire_name(&end.reason)));
        row.detail = Set(Some(end.detail.clone()));
        row.ended_at = Set(Some(micros(now)));
    }
}
