//! The life cycle of a run: its states, and the whole policy of which may follow which.
//!
//! ```text
//!  queued ──Claim──> starting ──Ready──> running <──Resume/Gate──> waiting
//!    │                  │                   │                        │
//!    │                  └────────Stop───────┴──────────Stop──────────┘
//!    │                                      v
//!    └──────────End──────> ended <──End── stopping     (every state but `ended` can end)
//! ```

use serde::{Deserialize, Serialize};

use super::wire_name;

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for a free place.
    Queued,
    /// Its container is made and its repository cloned.
    Starting,
    /// The agent or a check is at work.
    Running,
    /// It waits for a person, or for a limit to be lifted.
    Waiting,
    /// It was told to stop; its work is being saved.
    Stopping,
    /// It is over.
    Ended,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Starting, Self::Running, Self::Waiting, Self::Stopping, Self::Ended];

    /// The state after this step: the whole policy. A step that makes no sense is `Illegal`.
    ///
    /// # Errors
    /// `Illegal` when the step is not allowed in this state; above all, nothing leaves `Ended`.
    pub const fn after(self, step: Transition) -> Result<Self, Illegal> {
        use RunState as S;
        use Transition as T;
        match (self, step) {
            (S::Queued, T::Claim) => Ok(S::Starting),
            (S::Starting | S::Waiting, T::Work) => Ok(S::Running),
            (S::Running, T::Wait) => Ok(S::Waiting),
            (S::Starting | S::Running | S::Waiting | S::Stopping, T::Stop) => Ok(S::Stopping),
            (S::Queued | S::Starting | S::Running | S::Waiting | S::Stopping, T::End) => Ok(S::Ended),
            (S::Queued, T::Work | T::Wait | T::Stop)
            | (S::Starting, T::Claim | T::Wait)
            | (S::Running, T::Claim | T::Work)
            | (S::Waiting, T::Claim | T::Wait)
            | (S::Stopping, T::Claim | T::Work | T::Wait)
            | (S::Ended, T::Claim | T::Work | T::Wait | T::Stop | T::End) => {
                Err(Illegal { from: self, step })
            }
        }
    }
}

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The dispatcher gives it a place.
    Claim,
    /// The agent can work: the repository is there, or the gate was answered.
    Work,
    /// A gate was reached.
    Wait,
    /// Someone told it to stop.
    Stop,
    /// It is over.
    End,
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 5] = [Self::Claim, Self::Work, Self::Wait, Self::Stop, Self::End];
}

/// A transition that the policy does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", explain(*from, *step))]
pub struct Illegal {
    /// The state it was in.
    pub from: RunState,
    /// What was tried.
    pub step: Transition,
}

fn explain(from: RunState, step: Transition) -> String {
    let verb = match step {
        Transition::Claim => "be started",
        Transition::Work => "go on",
        Transition::Wait => "wait for a person",
        Transition::Stop => "be stopped",
        Transition::End => "end",
    };
    match from {
        RunState::Ended => format!("the run has already ended and cannot {verb}"),
        _ => format!("the run is {} and cannot {verb}", wire_name(&from)),
    }
}
