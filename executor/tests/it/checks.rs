//! Checks and their verdicts.

use api::{
    event::{CheckRun, Verdict},
    executor::ChecksResult,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{World, processes_with};

async fn run(world: &World, checks: Value) -> Vec<CheckRun> {
    let answer = world.call("/checks", json!({"checks": checks, "attempt": 2, "env": {"NAME": "x"}})).await;
    serde_json::from_value::<ChecksResult>(answer).unwrap().results
}

#[tokio::test]
async fn checks_run_in_order_in_the_workspace_up_to_the_first_that_does_not_pass() {
    let world = World::start("").await;
    let results = run(&world, json!(["pwd; echo to stderr >&2; echo $NAME", "exit 3", "touch never"])).await;
    assert_eq!(results.len(), 2);
    assert_eq!(results[0].verdict, Verdict::Passed);
    assert_eq!(results[0].output, format!("{}\nto stderr\nx\n", world.workspace().display()));
    assert_eq!(results[0].attempt, 2);
    assert_eq!((results[1].verdict, results[1].exit_code), (Verdict::Failed, Some(3)));
    assert!(!world.workspace().join("never").exists());
}

#[tokio::test]
async fn a_command_that_does_not_exist_says_nothing() {
    let world = World::start("").await;
    std::fs::write(world.workspace().join("not-executable"), "").unwrap();
    for check in ["no-such-command --all", "./not-executable", "  "] {
        assert_eq!(run(&world, json!([check])).await[0].verdict, Verdict::Vacuous, "{check}");
    }
}

#[tokio::test]
async fn a_test_runner_that_ran_nothing_says_nothing_unless_its_output_is_what_is_expected() {
    let world = World::start("").await;
    let check = "mkdir -p t && python3 -m unittest discover -s t; echo 'Ran 0 tests in 0.000s'; true";
    let result = run(&world, json!([check])).await.remove(0);
    assert_eq!(result.verdict, Verdict::Vacuous, "{result:?}");
    assert!(result.why.contains("no test was run: \"Ran 0 tests in 0.000s\""), "{}", result.why);
    let check = json!([{"run": "echo 'Ran 0 tests in 0.000s'", "expect": "Ran 0"}]);
    assert_eq!(run(&world, check).await[0].verdict, Verdict::Passed);
}

#[tokio::test]
async fn the_output_must_match_what_is_expected() {
    let world = World::start("").await;
    for (expect, verdict) in [("^[1-9][0-9]* passed", Verdict::Passed), ("0 failed", Verdict::Failed)] {
        let results = run(&world, json!([{"run": "echo 12 passed", "expect": expect}])).await;
        assert_eq!(results[0].verdict, verdict);
        assert!(results[0].why.contains(expect));
    }
    let (status, why) = world
        .refused("/checks", json!({"checks": ["true", {"run": "x", "expect": "("}], "attempt": 1}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(why.contains("checks[1].expect"), "{why}");
}

#[tokio::test]
async fn a_check_that_takes_too_long_is_killed_with_all_it_started() {
    let world = World::start("").await;
    let check = json!([{"run": "setsid sleep 1000.301 & echo begun; sleep 1000.302", "timeoutSeconds": 1}]);
    let results = run(&world, check).await;
    assert_eq!((results[0].verdict, results[0].exit_code), (Verdict::TimedOut, None));
    assert_eq!(results[0].output, "begun\n");
    assert_eq!(processes_with("sleep 1000.301") + processes_with("sleep 1000.302"), 0);
}

#[tokio::test]
async fn what_a_check_leaves_running_is_killed_and_does_not_delay_it() {
    let world = World::start("").await;
    let results = run(&world, json!(["sleep 1000.303 & echo fine"])).await;
    assert_eq!((results[0].verdict, results[0].output.as_str()), (Verdict::Passed, "fine\n"));
    assert_eq!(processes_with("sleep 1000.303"), 0);
}

#[tokio::test]
async fn only_the_end_of_a_long_output_is_reported() {
    let world = World::start("").await;
    let results = run(&world, json!([{"run": "seq 1000000", "expect": "(?m)^999999$"}])).await;
    assert_eq!(results[0].verdict, Verdict::Passed);
    assert!(results[0].output.len() <= 16 << 10);
    assert!(results[0].output.ends_with("999999\n1000000\n"));
}

#[tokio::test]
async fn no_check_runs_while_the_agent_works() {
    let world = World::start("echo ready\nread -r prompt\nread -r wait").await;
    let mut stream = world.begin("a").await;
    crate::harness::read_until(&mut stream, "ready").await;
    let (status, why) = world.refused("/checks", json!({"checks": ["true"], "attempt": 1})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(why.contains("still running"), "{why}");
}
