//! What counts as worse, and what does not.

use super::*;
use testkit::figure::Side;

fn figure(name: &str, unit: &str, [low, value, high]: [f64; 3]) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
        min: low,
        max: high,
        samples: 3,
        usual: None,
        reference: false,
        sides: None,
        target: None,
    }
}

fn reference(name: &str, unit: &str, value: f64) -> Figure {
    Figure { reference: true, ..figure(name, unit, [value; 3]) }
}

fn ratio(name: &str, of: &Figure, values: [f64; 3]) -> Figure {
    let side = |name: &str, value| Side { name: name.to_owned(), value, unit: of.unit.clone() };
    let sides = Some([side(&of.name, of.value), side("reference", 1.0)]);
    Figure { sides, ..figure(name, "ratio", values) }
}

fn names(before: &[Figure], now: &[Figure]) -> Vec<String> {
    worse(before, now).1.into_iter().map(|worse| worse.name).collect()
}

#[test]
fn longer_is_worse_and_more_a_second_is_better() {
    let before = [figure("time", "s", [1.0, 1.0, 1.0]), figure("rate", "events/s", [9.0, 10.0, 11.0])];
    let slower = [figure("time", "s", [1.9, 2.0, 2.1]), figure("rate", "events/s", [4.0, 5.0, 6.0])];
    assert_eq!(names(&before, &slower), ["time", "rate"]);
    assert_eq!(names(&slower, &before), [""; 0]);
    assert_eq!(names(&before, &before), [""; 0]);
}

#[test]
fn what_lies_within_the_noise_of_either_result_is_not_worse() {
    let steady = [figure("time", "s", [0.99, 1.0, 1.01])];
    assert_eq!(names(&steady, &[figure("time", "s", [1.0, 1.5, 2.0])]), [""; 0], "now is noisy");
    assert_eq!(names(&[figure("time", "s", [0.5, 1.0, 1.6])], &[figure("time", "s", [1.5; 3])]), [""; 0]);
    assert_eq!(names(&steady, &[figure("time", "s", [1.02, 1.05, 1.08])]), [""; 0], "less than a tenth");
    assert_eq!(names(&steady, &[figure("time", "s", [1.02, 1.2, 1.3])]), ["time"]);
}

#[test]
fn one_sample_far_off_does_not_hide_that_most_are_worse() {
    let of_many = |usual: [f64; 2], figure: Figure| {
        let [low, high] = usual;
        Figure { samples: 40, usual: Some(Usual { low, high }), ..figure }
    };
    let before = [of_many([0.9, 1.1], figure("page", "ms", [0.8, 1.0, 50.0]))];
    let now = [of_many([1.9, 2.1], figure("page", "ms", [0.9, 2.0, 2.2]))];
    assert_eq!(names(&before, &now), ["page"]);
}

#[test]
fn what_has_a_ratio_is_judged_by_the_ratio() {
    let slow = |by: f64, of_reference: [f64; 3]| {
        let run = figure("run", "s", [1.0 * by, 1.1 * by, 1.2 * by]);
        let ratio = ratio("run : container", &run, of_reference);
        [run, ratio]
    };
    let before = slow(1.0, [2.0, 2.1, 2.2]);
    assert_eq!(names(&before, &slow(3.0, [2.0, 2.1, 2.2])), [""; 0], "the machine is slower, the run is not");
    assert_eq!(names(&before, &slow(1.0, [3.0, 3.1, 3.2])), ["run : container"]);
}

#[test]
fn a_ratio_of_rates_is_worse_when_it_is_less() {
    let rate = figure("followed", "events/s", [9.0, 10.0, 11.0]);
    let of = |value| [ratio("followed : bare", &rate, [value; 3])];
    assert_eq!(names(&of(0.4), &of(0.2)), ["followed : bare"]);
    assert_eq!(names(&of(0.2), &of(0.4)), [""; 0]);
}

#[test]
fn a_slower_machine_is_forgiven_where_time_is_measured_and_not_where_memory_is() {
    let result = |machine: f64, time: f64, memory: f64| {
        [
            reference("bare insert", "events/s", 100.0 / machine),
            reference("docker run", "s", machine),
            figure("time", "s", [time; 3]),
            figure("memory", "MB", [memory; 3]),
        ]
    };
    let before = result(1.0, 1.0, 30.0);
    assert_eq!(names(&before, &result(2.0, 2.1, 30.0)), [""; 0]);
    assert_eq!(names(&before, &result(2.0, 2.5, 60.0)), ["time", "memory"]);
    assert_eq!(names(&before, &result(0.5, 1.0, 30.0)), [""; 0], "a faster machine accuses nobody");
    let said = worse(&before, &result(2.0, 2.5, 30.0)).1[0].to_string();
    assert_eq!(said, "time: 2.500 s, was 1.000 (1.000 to 1.000), on a machine that is 2.000 times as slow");
}

#[test]
fn figures_that_only_one_result_has_and_references_are_not_compared() {
    let before = [figure("old", "s", [1.0; 3]), reference("docker run", "s", 1.0)];
    let now = [figure("new", "s", [9.0; 3]), reference("docker run", "s", 9.0)];
    assert_eq!(worse(&before, &now), (0, Vec::new()));
}
