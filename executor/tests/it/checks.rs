//! Checks and their verdicts.

use api::{
    event::{CheckRun, Verdict},
    executor::ChecksResult,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    git::{cloned, commit},
    git_server::git,
    harness::{World, processes_with, write_script},
};

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

/// The checkouts that are left in the agent's home.
fn checkouts(world: &World) -> usize {
    let home = std::fs::read_dir(&world.config.agent_home).unwrap().flatten();
    home.filter(|entry| entry.file_name().to_string_lossy().contains("checkout")).count()
}

#[tokio::test]
async fn a_check_that_needs_an_ignored_file_passes_with_a_word_about_it_and_fails_in_a_clean_checkout() {
    let (world, _server, _) = cloned().await;
    std::fs::write(world.workspace().join(".gitignore"), "*.gen\ntarget/\n").unwrap();
    commit(&world, "ignore").await.unwrap();
    std::fs::create_dir(world.workspace().join("target")).unwrap();
    for file in ["code.gen", "target/a", "target/b"] {
        std::fs::write(world.workspace().join(file), "").unwrap();
    }
    let result = run(&world, json!(["test -f code.gen && touch made.gen"])).await.remove(0);
    assert_eq!(result.verdict, Verdict::Passed);
    let words = "exit code 0; it could see what is in no commit: code.gen, target/ (`clean: true` judges the \
                 commit alone)";
    assert_eq!(result.why, words);
    let clean = json!([{"run": "test -f README.md && test -d $CAISSON_WORKSPACE/target && pwd && test -f code.gen", "clean": true}]);
    let result = run(&world, clean).await.remove(0);
    assert_eq!((result.verdict, result.exit_code), (Verdict::Failed, Some(1)));
    assert!(result.why.contains("in a clean checkout of "), "{}", result.why);
    assert!(!result.output.contains(world.workspace().to_str().unwrap()), "{}", result.output);
    assert_eq!(checkouts(&world), 0);
}

#[tokio::test]
async fn a_workspace_that_is_what_was_committed_adds_no_words() {
    let (world, _server, _) = cloned().await;
    std::fs::create_dir(world.workspace().join("empty")).unwrap();
    assert_eq!(run(&world, json!(["true"])).await[0].why, "exit code 0");
    // What the first check makes, the first check did not rely on.
    for result in run(&world, json!(["touch made", "test -f made"])).await {
        assert_eq!((result.verdict, result.why.as_str()), (Verdict::Passed, "exit code 0"));
    }
}

#[tokio::test]
async fn files_that_changed_after_the_commit_and_new_ones_are_named() {
    let (world, _server, _) = cloned().await;
    std::fs::write(world.workspace().join("README.md"), "changed\n").unwrap();
    std::fs::write(world.workspace().join("new"), "").unwrap();
    let result = run(&world, json!(["true"])).await.remove(0);
    assert!(result.why.contains("in no commit: README.md, new (`clean"), "{}", result.why);
}

#[tokio::test]
async fn the_commit_that_is_named_is_judged_and_another_spelling_is_refused() {
    let (world, _server, base) = cloned().await;
    std::fs::write(world.workspace().join("later"), "").unwrap();
    commit(&world, "later").await.unwrap();
    let body = |commit: &str| json!({"checks": [{"run": "test ! -e later", "clean": true}], "attempt": 1, "commit": commit});
    let answer = world.call("/checks", body(&base)).await;
    assert_eq!(answer["results"][0]["verdict"], "passed", "{answer}");
    let (status, why) = world.refused("/checks", body("--all")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(why.contains("commit: is not the full id"), "{why}");
    let answer = world.call("/checks", body(&"0".repeat(40))).await;
    assert_eq!(answer["results"][0]["verdict"], "failed", "{answer}");
    assert!(answer["results"][0]["why"].as_str().unwrap().contains("could not be checked out"), "{answer}");
}

#[tokio::test]
async fn nothing_of_a_clean_check_is_left_whatever_it_does() {
    let (world, _server, _) = cloned().await;
    let check = |run: &str| json!([{"run": run, "clean": true, "timeoutSeconds": 1}]);
    let result = run(&world, check("mkdir -p a/b && touch made a/b/c && chmod 000 a/b && chmod 500 a")).await;
    assert_eq!(result[0].verdict, Verdict::Passed, "{result:?}");
    assert!(!world.workspace().join("made").exists());
    assert_eq!(checkouts(&world), 0);
    let result = run(&world, check("touch made; sleep 1000.304")).await;
    assert_eq!(result[0].verdict, Verdict::TimedOut, "{result:?}");
    assert_eq!((checkouts(&world), processes_with("sleep 1000.304")), (0, 0));
}

#[tokio::test]
async fn nothing_that_the_agent_planted_runs_in_a_clean_checkout_or_a_comparison() {
    let (world, _server, _) = cloned().await;
    let (workspace, ran) = (world.workspace(), world.folder.path().join("ran"));
    let plant = world.folder.path().join("plant");
    write_script(&plant, &format!("touch '{}'; cat", ran.display()));
    let plant = plant.to_str().unwrap();
    let keys =
        ["filter.evil.smudge", "filter.evil.clean", "core.fsmonitor", "diff.external", "diff.evil.textconv"];
    let attributes = "* filter=evil diff=evil\n";
    std::fs::write(workspace.join(".gitattributes"), attributes).unwrap();
    commit(&world, "attributes").await.unwrap();
    for key in keys {
        git(&workspace, &["config", key, plant]);
        git(
            &workspace,
            &["config", "--file", world.config.agent_home.join(".gitconfig").to_str().unwrap(), key, plant],
        );
    }
    std::fs::copy(plant, workspace.join(".git/hooks/post-checkout")).unwrap();
    std::fs::write(workspace.join("README.md"), "changed\n").unwrap();
    let checks = json!([{"run": "grep -q Demo README.md", "clean": true}, "true"]);
    let results = run(&world, checks).await;
    assert!(results.iter().all(|result| result.verdict == Verdict::Passed), "{results:?}");
    assert!(results[1].why.contains("in no commit: README.md"), "{}", results[1].why);
    assert!(!ran.exists());
}
