//! All runs that are known, folded by id and version: whatever arrives twice or late changes nothing.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use api::{
    id::RunId,
    run::{Run, RunState},
};

/// The runs that are known, newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    by_id: BTreeMap<Reverse<RunId>, Arc<Run>>,
}

impl Runs {
    /// Folds a run in; an older version of a known run changes nothing.
    pub(crate) fn fold(&mut self, run: Run) {
        let known = self.by_id.get(&Reverse(run.id));
        if known.is_none_or(|known| known.version <= run.version) {
            self.by_id.insert(Reverse(run.id), Arc::new(run));
        }
    }

    /// One run, if known.
    pub(crate) fn get(&self, id: RunId) -> Option<Arc<Run>> {
        self.by_id.get(&Reverse(id)).cloned()
    }

    /// The runs that are not over, newest first; those that wait for a person come first.
    pub(crate) fn active(&self) -> Vec<Arc<Run>> {
        self.ordered(|run| match run.state {
            RunState::Ended => None,
            RunState::Waiting => Some(0),
            _ => Some(1),
        })
    }

    /// The runs that ask a person something, the one that waits longest first.
    pub(crate) fn waiting(&self) -> Vec<Arc<Run>> {
        self.ordered(|run| {
            let gate = run.gate.as_ref().filter(|_| run.state == RunState::Waiting)?;
            Some(gate.since.as_microsecond())
        })
    }

    /// How many runs hold a place.
    pub(crate) fn working(&self) -> usize {
        let holds = |run: &&Arc<Run>| !matches!(run.state, RunState::Queued | RunState::Ended);
        self.by_id.values().filter(holds).count()
    }

    /// The runs that ended last, the last one first.
    pub(crate) fn ended(&self, limit: usize) -> Vec<Arc<Run>> {
        let mut runs = self.ordered(|run| {
            let ended = || run.ended_at.map_or(i64::MAX, |ended_at| -ended_at.as_microsecond());
            (run.state == RunState::Ended).then(ended)
        });
        runs.truncate(limit);
        runs
    }

    /// The runs that have a key, the smallest first, and newest first where keys are equal. A function pointer:
    /// a sort is compiled again for each closure, which costs kilobytes of wasm.
    fn ordered(&self, key: fn(&Run) -> Option<i64>) -> Vec<Arc<Run>> {
        let mut runs: Vec<_> = self.by_id.values().filter(|run| key(run).is_some()).cloned().collect();
        runs.sort_by_key(|run| key(run));
        runs
    }

    /// The runs in this state, or all, newest first, none older than `horizon`.
    pub(crate) fn list(&self, state: Option<RunState>, horizon: Option<RunId>) -> Vec<Arc<Run>> {
        let wanted = |run: &&Arc<Run>| {
            state.is_none_or(|state| run.state == state) && horizon.is_none_or(|horizon| horizon <= run.id)
        };
        self.by_id.values().filter(wanted).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::example;

    fn numbers(runs: &[Arc<Run>]) -> Vec<String> {
        runs.iter().map(|run| run.id.to_string()[35..].to_owned()).collect()
    }

    fn run(number: u128, state: RunState, version: i64) -> Run {
        let ended_at = (state == RunState::Ended).then(|| example::at(100 - i64::try_from(number).unwrap()));
        Run { state, version, ended_at, ..example::run(number) }
    }

    #[test]
    fn the_newest_version_of_a_run_wins_whatever_the_order() {
        let mut runs = Runs::default();
        runs.fold(run(1, RunState::Running, 3));
        runs.fold(run(1, RunState::Queued, 1));
        runs.fold(run(1, RunState::Running, 3));
        assert_eq!(runs.active().len(), 1);
        assert_eq!(runs.get(example::run(1).id).map(|run| run.state), Some(RunState::Running));
    }

    #[test]
    fn what_waits_for_a_person_comes_first_and_what_ended_last_leads_the_ended() {
        let mut runs = Runs::default();
        for (number, state) in [
            (1, RunState::Waiting),
            (2, RunState::Running),
            (3, RunState::Ended),
            (4, RunState::Ended),
            (5, RunState::Queued),
        ] {
            runs.fold(run(number, state, 1));
        }
        assert_eq!(numbers(&runs.active()), ["1", "5", "2"]);
        assert_eq!(runs.working(), 2);
        assert_eq!(numbers(&runs.ended(9)), ["3", "4"]);
        assert_eq!(numbers(&runs.ended(1)), ["3"]);
    }

    #[test]
    fn who_waits_longest_for_an_answer_is_first() {
        let mut runs = Runs::default();
        for (number, since) in [(1, 9), (2, 4)] {
            let gate =
                api::run::Gate { since: example::at(since), ..example::gate(api::run::GateKind::Question) };
            runs.fold(Run { gate: Some(gate), ..run(number, RunState::Waiting, 1) });
        }
        runs.fold(run(3, RunState::Waiting, 1));
        assert_eq!(numbers(&runs.waiting()), ["2", "1"]);
    }

    #[test]
    fn a_list_ends_where_its_pages_end() {
        let mut runs = Runs::default();
        for number in 1..=4 {
            runs.fold(run(number, RunState::Ended, 1));
        }
        assert_eq!(numbers(&runs.list(None, Some(example::run(3).id))), ["4", "3"]);
        assert_eq!(numbers(&runs.list(Some(RunState::Ended), None)), ["4", "3", "2", "1"]);
        assert!(runs.list(Some(RunState::Running), None).is_empty());
    }
}
