//! What a person is asked at the line of a budget.

use crate::budget::{Budget, Line as At};

/// A line that is reached: what to ask a person before another call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::drive) struct Line {
    /// The question.
    pub(in crate::drive) question: String,
    /// Whether the batch's budget is meant, not the run's own.
    pub(in crate::drive) of_batch: bool,
}

impl Line {
    /// The line of a run, if a call that costs at most so much meets it.
    pub(super) fn of_run(budget: &Budget, most: Option<f64>) -> Option<Self> {
        let (at, limit, spent) = (budget.line(most)?, budget.limit?, budget.spent);
        let question = match at {
            At::UsedUp => {
                format!("{spent:.4} of {limit:.4} US dollars are spent. Raise the budget, or stop?")
            }
            At::Unknown => format!(
                "What a call costs is unknown (the model has no price, or an answer was cut off), so the budget of \
                 {limit:.4} US dollars cannot be held; {spent:.4} are known to be spent. Set a limit for what is \
                 known, or stop?"
            ),
        };
        Some(Self { question, of_batch: false })
    }

    /// The line of a batch, if a call that costs at most so much meets it.
    pub(super) fn of_batch(budget: &Budget, most: Option<f64>) -> Option<Self> {
        let (at, limit, spent) = (budget.line(most)?, budget.limit?, budget.spent);
        let question = match at {
            At::UsedUp => format!(
                "The batch has spent {spent:.4} of {limit:.4} US dollars. Raise its budget, or stop this run?"
            ),
            At::Unknown => format!(
                "What a call of the batch costs is unknown (the model has no price, or an answer was cut off), so the \
                 batch's budget of {limit:.4} US dollars cannot be held; {spent:.4} are known to be spent. Set a \
                 budget for what is known, or stop this run?"
            ),
        };
        Some(Self { question, of_batch: true })
    }
}
