//! Where a run's time goes, by its own events: each phase ends with the event named here.

use api::{
    Timestamp,
    event::{AgentLineType, Event, EventBody, GitAction},
    run::RunState,
};

use crate::report::{Report, Samples};

/// A phase: its name, and whether an event is its last.
type Phase = (&'static str, fn(&EventBody) -> bool);

/// In the order in which they happen.
const PHASES: [Phase; 11] = [
    ("accepted", |body| is_state(body, RunState::Queued)),
    ("claimed", |body| is_state(body, RunState::Starting)),
    (
        "container, firewall, executor",
        |body| matches!(body, EventBody::Progress(it) if it.phase == "firewall"),
    ),
    ("git settings, clone", |body| is_state(body, RunState::Running)),
    ("agent's first line", |body| is_line(body, AgentLineType::Init)),
    ("agent's tool call", |body| is_line(body, AgentLineType::ToolUse)),
    ("agent's result", |body| is_line(body, AgentLineType::Result)),
    ("agent's exit, commit", |body| matches!(body, EventBody::Git(GitAction::Commit { .. }))),
    ("check", |body| matches!(body, EventBody::Check(_))),
    ("push", |body| matches!(body, EventBody::Git(GitAction::Push { .. }))),
    ("changes kept, ended", EventBody::is_end),
];

/// The phases of several runs.
pub struct Phases {
    samples: Vec<Samples>,
}

impl Phases {
    pub fn new() -> Self {
        let samples = PHASES.map(|(name, _)| Samples::new(format!("run, phase: {name}"), "s"));
        Self { samples: samples.into() }
    }

    /// Adds a run that was asked for at `asked`. All clocks are this machine's.
    pub fn add(&mut self, asked: Timestamp, events: &[Event]) {
        let mut begun = asked;
        let mut events = events.iter();
        for ((name, is_last), samples) in PHASES.iter().zip(&mut self.samples) {
            let last = events.find(|event| is_last(&event.body));
            let last = last.unwrap_or_else(|| panic!("the run has no event that ends the phase `{name}`"));
            samples.push(last.at.duration_since(begun).as_secs_f64());
            begun = last.at;
        }
    }

    pub fn report(&self, report: &mut Report) {
        for samples in &self.samples {
            report.add(samples);
        }
    }
}

fn is_state(body: &EventBody, state: RunState) -> bool {
    matches!(body, EventBody::State(change) if change.state == state)
}

fn is_line(body: &EventBody, r#type: AgentLineType) -> bool {
    matches!(body, EventBody::Agent(line) if line.event.r#type == r#type)
}
