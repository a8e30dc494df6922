//! A run's state as one word with a tone: the same wherever a run is shown.

use api::run::{Outcome, Run, RunState, wire_name};

/// What a colour says; nothing else has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing happens yet, or nothing can be said.
    Quiet,
    /// It works.
    Running,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It waits for a person.
    Waiting,
}

impl Tone {
    /// The CSS class of this tone.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Running => "running",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Waiting => "waiting",
        }
    }
}

/// A word with a tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    /// What it says.
    pub(crate) text: String,
    /// Its colour.
    pub(crate) tone: Tone,
    /// The state's name on the wire.
    pub(crate) state: String,
}

impl Badge {
    /// The badge of a run: `step 2 of 3` while it works, its reason in words when it has ended.
    pub(crate) fn of(run: &Run) -> Self {
        let (text, tone) = match run.state {
            RunState::Queued => ("queued".to_owned(), Tone::Quiet),
            RunState::Starting => ("starting".to_owned(), Tone::Quiet),
            RunState::Running if run.step == 0 => ("running".to_owned(), Tone::Running),
            RunState::Running => (format!("step {} of {}", run.step, run.task.steps.len()), Tone::Running),
            RunState::Waiting => ("waiting".to_owned(), Tone::Waiting),
            RunState::Stopping => ("stopping".to_owned(), Tone::Waiting),
            RunState::Ended => (ending(run), run.outcome.map_or(Tone::Quiet, tone_of)),
        };
        Self { text, tone, state: wire_name(&run.state) }
    }
}

/// Why a run ended, in words.
fn ending(run: &Run) -> String {
    match (run.reason, run.outcome) {
        (Some(reason), _) => reason.words(),
        (None, Some(outcome)) => wire_name(&outcome),
        (None, None) => "ended".to_owned(),
    }
}

/// The tone of an outcome.
pub(crate) const fn tone_of(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Succeeded => Tone::Good,
        Outcome::Failed | Outcome::Lost => Tone::Bad,
        Outcome::Cancelled => Tone::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example;
    use api::run::Reason;

    #[test]
    fn a_run_at_work_says_its_step_and_an_ended_one_its_reason() {
        let mut run = example::run(1);
        run.state = RunState::Running;
        run.step = 2;
        assert_eq!(Badge::of(&run).text, "step 2 of 3");
        run.state = RunState::Ended;
        run.outcome = Some(Outcome::Failed);
        run.reason = Some(Reason::OutOfMemory);
        let badge = Badge::of(&run);
        assert_eq!(
            (badge.text.as_str(), badge.tone, badge.state.as_str()),
            ("out of memory", Tone::Bad, "ended")
        );
    }
}
