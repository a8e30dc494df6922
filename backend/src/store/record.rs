//! What is written about a run: one `RunWrite` is one atomic change.

mod bounds;

use api::{
    Timestamp,
    event::EventBody,
    id::{InstanceId, RunId},
    instance::Denied,
    run::{Artifact, Cost, Gate, Reason, Run, RunState, Transition, Usage},
};
use uuid::Uuid;

pub use bounds::Bounded;

use super::Work;

/// A run with what only its driver needs.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// The run as everyone sees it.
    pub run: Run,
    /// What is known of its work beside its branch.
    pub work: Work,
    /// Whether someone asked for it to stop.
    pub cancel_requested: bool,
    /// The execution in the container whose lines were stored last.
    pub execution: Option<String>,
    /// The number of the last of those lines.
    pub execution_n: u64,
    /// Moves each time the run gets an owner: the fence of the newest lease.
    pub fence: i64,
    /// How much its events say, in bytes.
    pub log_bytes: u64,
}

/// A change to a run: all of it happens, or nothing.
#[derive(Clone, Debug)]
pub struct RunWrite {
    /// The run.
    pub run: RunId,
    /// What happens to its state; the `state` event is written along with it.
    pub transition: Option<Transition>,
    /// How it ends; goes with `Transition::End`.
    pub end: Option<RunEnd>,
    /// Fields to set.
    pub patch: RunPatch,
    /// Events to append.
    pub events: Vec<NewEvent>,
    /// The execution that the events' numbers belong to.
    pub execution: Option<String>,
    /// Only when the run is in this state; else the write is refused as `Stale`.
    pub only_in: Option<RunState>,
    /// What has reached the agent with this.
    pub delivered: Option<Delivered>,
    /// The fence of the lease it is written under; when it has moved, the write is refused as `Fenced`.
    pub fence: Option<i64>,
}

/// Something that was kept for an agent and has reached it.
#[derive(Clone, Copy, Debug)]
pub enum Delivered {
    /// The answer of this gate.
    Gate(Uuid),
    /// This message.
    Message(Uuid),
}

impl RunWrite {
    /// A write that changes nothing yet.
    #[must_use]
    pub fn of(run: RunId) -> Self {
        Self {
            run,
            transition: None,
            end: None,
            patch: RunPatch::default(),
            events: Vec::new(),
            execution: None,
            only_in: None,
            delivered: None,
            fence: None,
        }
    }

    /// With this change of state.
    #[must_use]
    pub fn transition(mut self, transition: Transition) -> Self {
        self.transition = Some(transition);
        self
    }

    /// With this end.
    #[must_use]
    pub fn end(mut self, reason: Reason, detail: impl Into<String>) -> Self {
        self.transition = Some(Transition::End);
        self.end = Some(RunEnd { reason, detail: detail.into() });
        self
    }

    /// With these fields.
    #[must_use]
    pub fn patch(mut self, patch: RunPatch) -> Self {
        self.patch = patch;
        self
    }

    /// With this event, happening now.
    #[must_use]
    pub fn event(mut self, step: u32, body: EventBody) -> Self {
        let step = Some(step).filter(|step| 0 < *step);
        self.events.push(NewEvent { at: Timestamp::now(), step, body, n: None });
        self
    }
}

/// Why a run ends.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// The reason; the outcome follows from it.
    pub reason: Reason,
    /// What happened and what to do, in a sentence.
    pub detail: String,
}

/// An event without its place in the log.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// The step it belongs to.
    pub step: Option<u32>,
    /// What happened.
    pub body: EventBody,
    /// Its number in the executor's spool. One that is stored already is not stored again.
    pub n: Option<u64>,
}

/// Fields of a run to set; `None` leaves them.
#[derive(Clone, Debug, Default)]
pub struct RunPatch {
    /// The container it works in.
    pub instance_id: Option<InstanceId>,
    /// The commit it starts from.
    pub base_commit: Option<String>,
    /// The step at work.
    pub step: Option<u32>,
    /// The attempt at it.
    pub attempt: Option<u32>,
    /// The agent's session.
    pub agent_session: Option<String>,
    /// The model that answers.
    pub model: Option<String>,
    /// Cost so far.
    pub cost: Option<Cost>,
    /// Tokens so far.
    pub usage: Option<Usage>,
    /// The newest pushed commit.
    pub head_commit: Option<String>,
    /// What it waits for; `Some(None)` is nothing.
    pub gate: Option<Option<Gate>>,
    /// What is kept of it.
    pub artifacts: Option<Vec<Artifact>>,
    /// What its container was refused.
    pub denied: Option<Vec<Denied>>,
    /// What is known of its work beside its branch.
    pub work: Option<Work>,
    /// The execution that is read, and the number up to which it was stored.
    pub execution: Option<(String, u64)>,
}

/// What a write left behind.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The run's state now.
    pub state: RunState,
    /// The number of its newest event.
    pub last_seq: i64,
    /// How much its events say, in bytes.
    pub log_bytes: u64,
}
