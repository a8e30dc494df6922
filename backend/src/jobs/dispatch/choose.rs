//! Which runs get the free places; pure.
//!
//! Higher priority goes before lower. Among equals the places go round: the batch with the fewest runs at work
//! is next (runs without a batch count together by their task), and within it the oldest run. Every fourth
//! place goes to the oldest run of all, so that nobody waits for ever behind newcomers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use api::id::{BatchId, RunId, TaskId};

/// Which place goes to the oldest run, whatever its batch has at work.
const OLDEST_EVERY: u64 = 4;

/// A run that waits for a place, or has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Ids sort by age.
    pub(super) id: RunId,
    /// With whom it shares.
    pub(super) group: Group,
    /// The same text for the same repository.
    pub(super) repository: String,
    /// Higher goes first.
    pub(super) priority: i32,
}

/// Runs among which places go by age alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Group {
    /// The runs of a batch.
    Batch(BatchId),
    /// The runs of a task that are in no batch.
    Task(TaskId),
}

/// What may work at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    /// The places that are free.
    pub(super) free: usize,
    /// Runs on one repository; 0 is no limit.
    pub(super) per_repository: u32,
    /// Runs of each batch that has a limit.
    pub(super) batches: HashMap<BatchId, u32>,
}

/// The runs to begin now, in this order. `claimed` counts those that were begun before.
pub(super) fn choose(
    queued: &[Candidate],
    working: &[Candidate],
    limits: &Limits,
    claimed: u64,
) -> Vec<RunId> {
    let mut busy = Busy::new(working, limits);
    let mut chosen = Vec::new();
    for lines in by_priority(queued).into_values().rev() {
        let mut lines = lines;
        while chosen.len() < limits.free {
            let turn = claimed + chosen.len() as u64;
            let Some(next) = next(&mut lines, &busy, turn) else { break };
            busy.add(next);
            chosen.push(next.id);
        }
    }
    chosen
}

type Lines<'a> = BTreeMap<Group, VecDeque<&'a Candidate>>;

/// The queue of each group, oldest first, by priority.
fn by_priority(queued: &[Candidate]) -> BTreeMap<i32, Lines<'_>> {
    let mut oldest_first: Vec<&Candidate> = queued.iter().collect();
    oldest_first.sort_unstable_by_key(|run| run.id);
    let mut found: BTreeMap<i32, Lines<'_>> = BTreeMap::new();
    for run in oldest_first {
        found.entry(run.priority).or_default().entry(run.group).or_default().push_back(run);
    }
    found
}

/// Takes the next run out of these lines.
fn next<'a>(lines: &mut Lines<'a>, busy: &Busy<'a>, turn: u64) -> Option<&'a Candidate> {
    // What is full stays full until the next look, so whoever waits for it need not be looked at again.
    for line in lines.values_mut() {
        while line.front().is_some_and(|run| !busy.has_room(run)) {
            line.pop_front();
        }
    }
    lines.retain(|_, line| !line.is_empty());
    let group = if turn.is_multiple_of(OLDEST_EVERY) {
        lines.iter().min_by_key(|(_, line)| line.front().map(|run| run.id))
    } else {
        lines.iter().min_by_key(|(group, line)| (busy.of(**group), line.front().map(|run| run.id)))
    };
    let group = *group?.0;
    lines.get_mut(&group)?.pop_front()
}

/// Who is at work.
struct Busy<'a> {
    groups: HashMap<Group, u32>,
    repositories: HashMap<&'a str, u32>,
    limits: &'a Limits,
}

impl<'a> Busy<'a> {
    fn new(working: &'a [Candidate], limits: &'a Limits) -> Self {
        let mut busy = Self { groups: HashMap::new(), repositories: HashMap::new(), limits };
        working.iter().for_each(|run| busy.add(run));
        busy
    }

    fn add(&mut self, run: &'a Candidate) {
        *self.groups.entry(run.group).or_default() += 1;
        *self.repositories.entry(&run.repository).or_default() += 1;
    }

    fn of(&self, group: Group) -> u32 {
        self.groups.get(&group).copied().unwrap_or_default()
    }

    fn has_room(&self, run: &Candidate) -> bool {
        let on_repository = self.repositories.get(run.repository.as_str()).copied().unwrap_or_default();
        let most = match run.group {
            Group::Batch(id) => self.limits.batches.get(&id).copied(),
            Group::Task(_) => None,
        };
        (self.limits.per_repository == 0 || on_repository < self.limits.per_repository)
            && most.is_none_or(|most| self.of(run.group) < most)
    }
}

#[cfg(test)]
mod tests;
