//! The choice, by its properties and by example.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn run(age: u128, group: Group, repository: &str, priority: i32) -> Candidate {
    Candidate { id: RunId(Uuid::from_u128(age)), group, repository: repository.to_owned(), priority }
}

fn batch(number: u128) -> Group {
    Group::Batch(BatchId(Uuid::from_u128(number)))
}

fn free(places: usize) -> Limits {
    Limits { free: places, ..Limits::default() }
}

/// Runs with ids that count, in few groups, on few repositories, of few priorities.
fn runs(from: u128, most: usize) -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0..4_u128, any::<bool>(), 0..4_u8, -1..2_i32);
    proptest::collection::vec(one, 0..most).prop_map(move |runs| {
        let whole = |(age, (group, is_batch, repository, priority)): (usize, (u128, bool, u8, i32))| {
            let group = if is_batch { batch(group) } else { Group::Task(TaskId(Uuid::from_u128(group))) };
            run(from + age as u128, group, &format!("r{repository}"), priority)
        };
        runs.into_iter().enumerate().map(whole).collect()
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let batches = proptest::collection::hash_map(0..4_u128, 1..4_u32, 0..4);
    (0..12_usize, 0..4_u32, batches).prop_map(|(free, per_repository, batches)| Limits {
        free,
        per_repository,
        batches: batches.into_iter().map(|(id, most)| (BatchId(Uuid::from_u128(id)), most)).collect(),
    })
}

fn chosen<'a>(queued: &'a [Candidate], ids: &[RunId]) -> Vec<&'a Candidate> {
    ids.iter().map(|id| queued.iter().find(|run| run.id == *id).expect("it was queued")).collect()
}

proptest! {
    #[test]
    fn no_limit_is_ever_passed(
        queued in runs(1_000, 40), working in runs(0, 20), limits in limits(), turn in 0..8_u64,
    ) {
        let ids = choose(&queued, &working, &limits, turn);
        prop_assert!(ids.len() <= limits.free);
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        prop_assert_eq!(distinct.len(), ids.len(), "nobody is begun twice");
        let mut busy = Busy::new(&working, &limits);
        for run in chosen(&queued, &ids) {
            prop_assert!(busy.has_room(run));
            busy.add(run);
        }
    }

    #[test]
    fn no_place_stays_free_while_somebody_could_have_it(
        queued in runs(1_000, 40), working in runs(0, 20), limits in limits(), turn in 0..8_u64,
    ) {
        let ids = choose(&queued, &working, &limits, turn);
        if ids.len() < limits.free {
            let mut busy = Busy::new(&working, &limits);
            chosen(&queued, &ids).into_iter().for_each(|run| busy.add(run));
            let left = queued.iter().filter(|run| !ids.contains(&run.id));
            prop_assert!(left.into_iter().all(|run| !busy.has_room(run)));
        }
    }

    #[test]
    fn nobody_goes_before_a_higher_priority_that_could_go(
        queued in runs(1_000, 40), working in runs(0, 20), limits in limits(), turn in 0..8_u64,
    ) {
        let ids = choose(&queued, &working, &limits, turn);
        let begun = chosen(&queued, &ids);
        prop_assert!(begun.is_sorted_by_key(|run| -run.priority));
        let mut busy = Busy::new(&working, &limits);
        for run in begun {
            let passed = |other: &&Candidate| run.priority < other.priority && !ids.contains(&other.id);
            prop_assert!(queued.iter().filter(passed).all(|other| !busy.has_room(other)));
            busy.add(run);
        }
    }

    #[test]
    fn within_a_group_and_a_repository_the_older_goes_first(
        queued in runs(1_000, 40), working in runs(0, 20), limits in limits(), turn in 0..8_u64,
    ) {
        let ids = choose(&queued, &working, &limits, turn);
        for younger in chosen(&queued, &ids) {
            let older = queued.iter().filter(|run| {
                run.id < younger.id
                    && (run.group, run.priority, &run.repository)
                        == (younger.group, younger.priority, &younger.repository)
            });
            prop_assert!(older.into_iter().all(|run| ids.contains(&run.id)));
        }
    }

    /// A long batch with one slow run at work, while newcomers, each alone in its group, arrive for ever.
    #[test]
    fn nobody_starves_behind_newcomers(waiting in 1..20_u128, newcomers in 1..6_u128) {
        let slow = [run(0, batch(0), "slow", 0)];
        let mut queued: Vec<_> = (1..=waiting).map(|age| run(age, batch(0), &format!("r{age}"), 0)).collect();
        let (mut age, mut claimed) = (1_000, 0);
        while queued.iter().any(|run| run.group == batch(0)) {
            prop_assert!(claimed <= u64::try_from(waiting).unwrap() * OLDEST_EVERY);
            for _ in 0..newcomers {
                age += 1;
                queued.push(run(age, batch(age), &format!("r{age}"), 0));
            }
            let ids = choose(&queued, &slow, &free(1), claimed);
            claimed += ids.len() as u64;
            queued.retain(|run| !ids.contains(&run.id));
        }
    }
}

#[test]
fn two_batches_share_the_places_however_long_they_are() {
    let mut queued: Vec<_> = (0..1_000).map(|age| run(age, batch(1), &format!("a{age}"), 0)).collect();
    queued.extend((1_000..1_004).map(|age| run(age, batch(2), &format!("b{age}"), 0)));
    let ids = choose(&queued, &[], &free(8), 0);
    let second = chosen(&queued, &ids).iter().filter(|run| run.group == batch(2)).count();
    assert_eq!(second, 4, "half of the places, though all of it came later");
}

#[test]
fn a_repository_and_a_batch_are_held_to_their_limits() {
    let queued: Vec<_> = (0..9).map(|age| run(age, batch(age % 3), &format!("r{}", age % 2), 0)).collect();
    let repository = Limits { per_repository: 1, ..free(9) };
    assert_eq!(choose(&queued, &[], &repository, 0).len(), 2);
    let one = Limits { batches: HashMap::from([(BatchId(Uuid::from_u128(0)), 1)]), ..free(9) };
    assert_eq!(choose(&queued, &[], &one, 0).len(), 7, "one of the first batch, all of the others");
    assert_eq!(choose(&queued, &queued[..1], &one, 0).len(), 6, "what works counts");
}

#[test]
fn the_higher_priority_goes_first_even_if_it_came_last() {
    let queued = [run(1, batch(1), "a", 0), run(2, batch(1), "b", -5), run(3, batch(1), "c", 100)];
    assert_eq!(choose(&queued, &[], &free(2), 0), [queued[2].id, queued[0].id]);
}
