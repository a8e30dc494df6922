//! The policy of a run's life, as a table and as what holds for every life.

use proptest::{prelude::*, sample::select};

use super::*;

#[test]
fn the_whole_policy() {
    let mut lines = Vec::new();
    for state in RunState::ALL {
        for step in Transition::ALL {
            let after = match state.after(step) {
                Ok(next) => wire_name(&next),
                Err(illegal) => {
                    assert_eq!(illegal, Illegal { from: state, step });
                    "-".to_owned()
                }
            };
            lines.push(format!("{:<8} {:<5} {after}", wire_name(&state), format!("{step:?}")));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// A life: the states it went through, steps that were refused left out.
fn life(steps: &[Transition]) -> Vec<RunState> {
    let mut states = vec![RunState::Queued];
    for &step in steps {
        let now = states[states.len() - 1];
        states.extend(now.after(step));
    }
    states
}

fn steps() -> impl Strategy<Value = Vec<Transition>> {
    proptest::collection::vec(select(Transition::ALL.as_slice()), 0..40)
}

proptest! {
    #[test]
    fn nothing_leaves_ended(before in steps(), step in select(Transition::ALL.as_slice())) {
        let mut states = life(&before);
        let last = states.pop().expect("a state");
        prop_assert!(!states.contains(&RunState::Ended), "{:?}", states);
        prop_assert_eq!(RunState::Ended.after(step), Err(Illegal { from: RunState::Ended, step }));
        prop_assert!(last == RunState::Ended || last.after(Transition::End) == Ok(RunState::Ended));
    }

    #[test]
    fn every_life_goes_one_way(steps in steps()) {
        use RunState as S;
        let states = life(&steps);
        for pair in states.windows(2) {
            match pair[1] {
                S::Queued => prop_assert!(false, "nothing goes back into the queue"),
                S::Starting => prop_assert_eq!(pair[0], S::Queued, "it is claimed once"),
                S::Running => prop_assert!(matches!(pair[0], S::Starting | S::Waiting)),
                S::Waiting => prop_assert_eq!(pair[0], S::Running, "only work reaches a gate"),
                S::Stopping => prop_assert!(pair[0] != S::Queued, "there is nothing to save yet"),
                S::Ended => prop_assert!(pair[0] != S::Ended),
            }
            if pair[0] == S::Stopping {
                prop_assert!(matches!(pair[1], S::Stopping | S::Ended), "a stop is not taken back");
            }
        }
        let worked = states.iter().position(|state| matches!(state, S::Running | S::Waiting));
        let claimed = states.iter().position(|&state| state == S::Starting);
        prop_assert!(worked.is_none() || claimed < worked, "nothing works before it was claimed");
    }

    #[test]
    fn the_end_is_one_step_away_from_everywhere(steps in steps()) {
        for state in life(&steps) {
            prop_assert_eq!(state.after(Transition::End).is_ok(), state != RunState::Ended);
        }
    }
}

#[test]
fn a_refusal_says_what_was_tried() {
    let illegal = RunState::Ended.after(Transition::Work).expect_err("it is over");
    assert_eq!(illegal.to_string(), "the run has already ended and cannot go on");
    let illegal = RunState::Queued.after(Transition::Wait).expect_err("it does not work yet");
    assert_eq!(illegal.to_string(), "the run is queued and cannot wait for a person");
}
