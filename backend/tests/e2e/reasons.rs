//! How runs end: each reason of the closed list, made to happen for real. Those of a missing image, a clone
//! that fails and an engine that is away are in `bad_input` and `engine`; the others are here.

mod agent;
mod cancelled;
mod container;
mod model;

use api::{event::EventBody, run::RunState};

/// Whether the run's state has become this.
fn is_state(body: &EventBody, state: RunState) -> bool {
    matches!(body, EventBody::State(change) if change.state == state)
}
