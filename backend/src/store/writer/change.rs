//! A write as the writer takes it: made ready by whoever hands it over, so that the writer only counts.

use api::{
    id::RunId,
    run::{RunState, Transition},
};
use sea_orm::ActiveValue::Set;

use crate::store::{
    Delivered, Error, RunEnd, RunPatch, RunWrite,
    entity::{clean, run, run_event::Body, to_json},
};

/// A `RunWrite` whose documents are text already.
pub(super) struct Change {
    pub(super) run: RunId,
    pub(super) only_in: Option<RunState>,
    pub(super) transition: Option<Transition>,
    pub(super) end: Option<RunEnd>,
    /// The execution that the events' numbers belong to.
    pub(super) execution: Option<String>,
    /// The executor's cursor to set.
    pub(super) cursor: Option<(String, i64)>,
    /// Further columns to set.
    pub(super) columns: Option<run::ActiveModel>,
    pub(super) events: Vec<Body>,
    /// What has reached the agent with this.
    pub(super) delivered: Option<Delivered>,
    /// Of the lease it is written under.
    pub(super) fence: Option<i64>,
    visible: bool,
}

impl Change {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.data.len()).sum()
    }

    /// Whether the list of runs looks different after it.
    pub(super) const fn is_visible(&self) -> bool {
        self.visible
    }
}

impl TryFrom<RunWrite> for Change {
    type Error = Error;

    fn try_from(write: RunWrite) -> Result<Self, Error> {
        let RunWrite { run, transition, end, mut patch, events, execution, only_in, delivered, fence } =
            write;
        if transition == Some(Transition::End) {
            // An ended run waits for nobody.
            patch.gate = Some(None);
        }
        let visible = transition.is_some()
            || patch.step.is_some()
            || patch.attempt.is_some()
            || patch.cost.is_some()
            || patch.head_commit.is_some()
            || patch.instance_id.is_some()
            || patch.gate.is_some()
            || patch.artifacts.is_some()
            || patch.denied.is_some()
            || patch.work.is_some();
        let end = end.map(|end| RunEnd { reason: end.reason, detail: clean(end.detail) });
        let cursor = patch.execution.take();
        let cursor = cursor.map(|(name, n)| (clean(name), i64::try_from(n).unwrap_or(i64::MAX)));
        let execution = execution.map(clean);
        let events = events.into_iter().map(Body::try_from).collect::<Result<_, _>>()?;
        Ok(Self {
            run,
            only_in,
            transition,
            end,
            execution,
            cursor,
            columns: columns(patch)?,
            events,
            delivered,
            fence,
            visible,
        })
    }
}

/// The columns that a patch sets, but for the cursor's; `None` when there are none.
fn columns(patch: RunPatch) -> Result<Option<run::ActiveModel>, Error> {
    let untouched = run::ActiveModel::default();
    let mut row = untouched.clone();
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
    if let Some(denied) = &patch.denied {
        row.egress_denied = Set(to_json("denied hosts", denied)?);
    }
    if let Some(work) = &patch.work {
        row.work = Set(to_json("work of a run", work)?);
    }
    for (column, value) in [
        (&mut row.base_commit, patch.base_commit),
        (&mut row.agent_session, patch.agent_session),
        (&mut row.model, patch.model),
        (&mut row.head_commit, patch.head_commit),
    ] {
        if let Some(value) = value {
            *column = Set(Some(clean(value)));
        }
    }
    Ok(Some(row).filter(|row| *row != untouched))
}
