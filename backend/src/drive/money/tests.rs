//! The line of a budget: who may cross it, and when a person is asked.

use super::*;

fn spending(limit: f64, spent: f64, calls: u32, dearest: f64) -> Spending {
    let cost = Cost { usd: spent, known: true };
    let usage = Usage::default();
    Spending {
        cost,
        usage,
        limit: Some(limit),
        unknown_accepted: false,
        calls,
        dearest,
        blocked: None,
        over: None,
    }
}

#[test]
fn calls_side_by_side_stay_within_the_limit_and_one_alone_may_go_over_it() {
    assert!(spending(1.0, 0.0, 0, 0.0).has_room());
    assert!(!spending(1.0, 0.0, 1, 0.0).has_room(), "nobody knows yet what a call costs");
    assert!(spending(1.0, 0.2, 1, 0.2).has_room());
    assert!(!spending(1.0, 0.7, 1, 0.2).has_room());
    assert!(spending(1.0, 0.95, 0, 0.2).has_room());
    assert!(Spending { limit: None, ..spending(1.0, 9.0, 9, 1.0) }.has_room());
}

#[test]
fn at_the_line_and_when_a_cost_is_unknown_a_person_is_asked() {
    assert_eq!(spending(1.0, 0.5, 0, 0.1).question(), None);
    assert!(
        spending(1.0, 1.0, 0, 0.1).question().is_some_and(|question| question.contains("1.0000 of 1.0000"))
    );
    let unknown = Spending { cost: Cost { usd: 0.5, known: false }, ..spending(1.0, 0.5, 0, 0.1) };
    assert!(unknown.question().is_some_and(|question| question.contains("unknown")));
    assert_eq!(Spending { unknown_accepted: true, ..unknown.clone() }.question(), None);
    assert_eq!(Spending { limit: None, ..unknown }.question(), None);
}
