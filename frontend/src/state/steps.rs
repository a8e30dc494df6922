//! The steps of a run beside its conversation: done, current or to come, and how long each took.

use api::{
    Timestamp,
    run::{Outcome, Run, RunState},
};

use super::{log::RunLog, words};

/// A step as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepLine {
    /// From 1.
    pub(crate) number: u32,
    /// The first line of its instructions.
    pub(crate) title: String,
    /// How far it is.
    pub(crate) mark: Mark,
    /// How long it took or has been at work, in seconds, where that is known.
    pub(crate) seconds: Option<i64>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is done.
    Done,
    /// It is at work.
    Current,
    /// The run ended in it without success.
    Broken,
    /// The run was stopped in it.
    Stopped,
    /// It was not begun.
    ToCome,
}

/// The steps of a run.
pub(crate) fn lines(run: &Run, log: &RunLog, now: Timestamp) -> Vec<StepLine> {
    let line = |(place, step): (usize, &api::task::Step)| {
        let number = u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1);
        let mark = mark(run, number);
        StepLine { number, title: step.title(), mark, seconds: seconds(run, log, number, mark, now) }
    };
    run.task.steps.iter().enumerate().map(line).collect()
}

fn mark(run: &Run, number: u32) -> Mark {
    let over = run.state == RunState::Ended;
    if number < run.step || over && run.outcome == Some(Outcome::Succeeded) {
        Mark::Done
    } else if run.step < number {
        Mark::ToCome
    } else if over && run.outcome == Some(Outcome::Cancelled) {
        Mark::Stopped
    } else if over {
        Mark::Broken
    } else {
        Mark::Current
    }
}

/// From the step's first event to the next step's first, to the end, or to now; only if its first event is loaded.
fn seconds(run: &Run, log: &RunLog, number: u32, mark: Mark, now: Timestamp) -> Option<i64> {
    let place = log.groups.iter().position(|group| group.step == number)?;
    if place == 0 && 0 < log.unloaded() {
        return None;
    }
    let until = match log.groups.get(place + 1) {
        Some(next) => next.from,
        None if mark == Mark::Current => now,
        None => run.ended_at.unwrap_or(log.groups[place].until),
    };
    Some(words::seconds_between(log.groups[place].from, until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example::{self, item, says};

    #[test]
    fn a_step_is_done_when_the_next_began_and_the_current_one_counts_on() {
        let mut run = example::run(1);
        run.state = RunState::Running;
        run.step = 2;
        let mut log = RunLog::from(0);
        for event in [says(1, 1, "a"), says(2, 1, "b"), says(3, 2, "c")] {
            log.fold(item(event));
        }
        let seen: Vec<_> =
            lines(&run, &log, example::at(10)).into_iter().map(|line| (line.mark, line.seconds)).collect();
        assert_eq!(seen, [(Mark::Done, Some(2)), (Mark::Current, Some(7)), (Mark::ToCome, None)]);
        run.state = RunState::Ended;
        run.outcome = Some(Outcome::Failed);
        run.ended_at = Some(example::at(5));
        assert_eq!(lines(&run, &log, example::at(10))[1].mark, Mark::Broken);
        assert_eq!(lines(&run, &log, example::at(10))[1].seconds, Some(2));
        run.outcome = Some(Outcome::Cancelled);
        assert_eq!(lines(&run, &log, example::at(10))[1].mark, Mark::Stopped);
    }

    #[test]
    fn a_step_whose_beginning_is_not_loaded_has_no_duration() {
        let mut run = example::run(1);
        run.step = 1;
        let mut log = RunLog::from(4);
        log.fold(item(says(5, 1, "a")));
        assert_eq!(lines(&run, &log, example::at(9))[0].seconds, None);
    }
}
