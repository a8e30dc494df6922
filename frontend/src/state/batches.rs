//! Batches: the list as it is known, and how the runs of one stand, in words and colours.

use std::{cmp::Reverse, collections::BTreeMap};

use api::{
    batch::{Batch, BatchRun},
    id::BatchId,
    run::{Outcome, RunState, wire_name},
};

use super::badge::{Badge, Tone, tone_of};

/// The batches that are known, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches {
    by_id: BTreeMap<Reverse<BatchId>, Batch>,
}

impl Batches {
    /// Folds batches in; what was known of them before is replaced.
    pub(crate) fn fold(&mut self, batches: Vec<Batch>) {
        self.by_id.extend(batches.into_iter().map(|batch| (Reverse(batch.id), batch)));
    }

    /// One batch, if known.
    pub(crate) fn get(&self, id: BatchId) -> Option<Batch> {
        self.by_id.get(&Reverse(id)).cloned()
    }

    /// All of them, newest first.
    pub(crate) fn list(&self) -> Vec<Batch> {
        self.by_id.values().cloned().collect()
    }
}

/// How many runs of a batch are how far: words with their colour, those without any left out.
pub(crate) fn roll_up(batch: &Batch) -> Vec<(String, Tone)> {
    counts(batch).into_iter().map(|(count, word, tone)| (format!("{count} {word}"), tone)).collect()
}

/// The same as figures with their colour.
pub(crate) fn shares(batch: &Batch) -> Vec<(u64, Tone)> {
    counts(batch).into_iter().map(|(count, _, tone)| (count, tone)).collect()
}

fn counts(batch: &Batch) -> Vec<(u64, String, Tone)> {
    let state = |states: &[RunState]| -> u64 {
        states.iter().filter_map(|state| batch.states.get(&wire_name(state))).sum()
    };
    let outcome = |outcome: Outcome| batch.outcomes.get(&wire_name(&outcome)).copied().unwrap_or_default();
    let outcomes = [Outcome::Succeeded, Outcome::Failed, Outcome::Lost, Outcome::Cancelled];
    let working = [RunState::Starting, RunState::Running, RunState::Stopping];
    let mut counts = Vec::from(outcomes.map(|one| (outcome(one), wire_name(&one), tone_of(one))));
    counts.extend([
        (state(&[RunState::Waiting]), "waiting for you".to_owned(), Tone::Waiting),
        (state(&working), "running".to_owned(), Tone::Running),
        (state(&[RunState::Queued]), "queued".to_owned(), Tone::Quiet),
    ]);
    counts.retain(|(count, ..)| 0 < *count);
    counts
}

/// The state of a whole batch.
pub(crate) fn badge(batch: &Batch) -> Badge {
    let bad = [Outcome::Failed, Outcome::Lost]
        .iter()
        .any(|outcome| batch.outcomes.contains_key(&wire_name(outcome)));
    let all = |outcome| batch.outcomes.get(&wire_name(&outcome)).copied() == Some(targets(batch));
    let (text, tone) = match (batch.active, batch.stopped.is_some()) {
        (true, true) => ("stopping", Tone::Waiting),
        (true, false) => ("running", Tone::Running),
        (false, true) => ("stopped", Tone::Quiet),
        (false, false) if bad => ("ended, some failed", Tone::Bad),
        (false, false) if all(Outcome::Succeeded) => ("succeeded", Tone::Good),
        (false, false) => ("ended", Tone::Quiet),
    };
    let state = if batch.active { "active" } else { "ended" };
    Badge { text: text.to_owned(), tone, state: state.to_owned() }
}

/// How many repositories a batch has.
pub(crate) fn targets(batch: &Batch) -> u64 {
    batch.states.values().sum()
}

/// The newest run against a target, as a badge.
pub(crate) fn run_badge(run: &BatchRun) -> Badge {
    let (text, tone) = match (run.state, run.reason, run.outcome) {
        (RunState::Ended, Some(reason), outcome) => (reason.words(), outcome.map_or(Tone::Quiet, tone_of)),
        (RunState::Ended, None, outcome) => ("ended".to_owned(), outcome.map_or(Tone::Quiet, tone_of)),
        (RunState::Running, ..) => ("running".to_owned(), Tone::Running),
        (RunState::Waiting, ..) => ("waiting".to_owned(), Tone::Waiting),
        (RunState::Stopping, ..) => ("stopping".to_owned(), Tone::Waiting),
        (RunState::Queued | RunState::Starting, ..) => (wire_name(&run.state), Tone::Quiet),
    };
    Badge { text, tone, state: wire_name(&run.state) }
}

/// Whether there is something to try again: a target whose newest run is over and did not succeed.
pub(crate) fn has_failed(batch: &Batch) -> bool {
    batch.outcomes.iter().any(|(outcome, count)| *outcome != wire_name(&Outcome::Succeeded) && 0 < *count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example;

    fn batch(states: &[(&str, u64)], outcomes: &[(&str, u64)], active: bool) -> Batch {
        let map =
            |pairs: &[(&str, u64)]| pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Batch { states: map(states), outcomes: map(outcomes), active, ..example::batch(1) }
    }

    #[test]
    fn a_batch_is_summed_up_by_how_its_runs_stand() {
        let batch = batch(
            &[("ended", 31), ("running", 2), ("starting", 1), ("waiting", 1), ("queued", 14)],
            &[("succeeded", 29), ("failed", 2)],
            true,
        );
        let words: Vec<_> = roll_up(&batch).into_iter().map(|(words, _)| words).collect();
        assert_eq!(words, ["29 succeeded", "2 failed", "1 waiting for you", "3 running", "14 queued"]);
        assert_eq!((targets(&batch), badge(&batch).text.as_str(), has_failed(&batch)), (49, "running", true));
    }

    #[test]
    fn an_ended_batch_is_green_only_if_all_of_it_is() {
        let word = |outcomes: &[(&str, u64)]| badge(&batch(&[("ended", 2)], outcomes, false)).text;
        assert_eq!(word(&[("succeeded", 2)]), "succeeded");
        assert_eq!(word(&[("succeeded", 1), ("lost", 1)]), "ended, some failed");
        assert_eq!(word(&[("succeeded", 1), ("cancelled", 1)]), "ended");
        assert!(!has_failed(&batch(&[("ended", 2)], &[("succeeded", 2)], false)));
    }

    #[test]
    fn the_newest_batch_is_first_and_a_later_answer_replaces_an_earlier_one() {
        let mut batches = Batches::default();
        batches.fold(vec![example::batch(1), example::batch(2)]);
        batches.fold(vec![Batch { active: false, ..example::batch(1) }]);
        let seen: Vec<_> = batches.list().into_iter().map(|batch| (batch.id, batch.active)).collect();
        assert_eq!(seen, [(example::batch(2).id, true), (example::batch(1).id, false)]);
    }
}
