//! The form of a task: there and back, and where a refusal is said.

use api::{
    Timestamp,
    id::TaskId,
    task::{Agent, EnvValue},
};

use super::*;

fn failure(field: &str) -> Failure {
    Failure { field: Some(field.to_owned()), ..Failure::new("no") }
}

fn task(spec: TaskSpec) -> Task {
    let at = Timestamp::UNIX_EPOCH;
    let id: TaskId = "00000000-0000-7000-8000-000000000001".parse().unwrap();
    Task { id, version: 1, owner: None, spec, created_at: at, updated_at: at, archived_at: None }
}

#[test]
fn a_stored_task_comes_back_as_it_was() {
    let step = Step { instructions: "Do it.".to_owned(), checks: vec!["true".into()] };
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let spec = TaskSpec {
        agent: Agent::ClaudeCode,
        model: Some("sonnet".to_owned()),
        permission_profile: PermissionProfile::Edit,
        budget_usd: Some(2.5),
        max_turns: Some(12),
        egress: lines("example.org\n*.example.org:8080\ntool:npm"),
        env: [("TOKEN".to_owned(), EnvValue::Secret("npm".to_owned()))].into(),
        image: Some("acme/base:1".to_owned()),
        models: lines("claude-*"),
        repository_settings: RepositorySettings::Trusted,
        submodules: lines("acme/lib"),
        ..TaskSpec::new("A task", vec![step])
    };
    let form = TaskForm::of(&task(spec.clone()));
    assert!(form.has_container());
    assert_eq!(form.wire(), Ok(spec));
    assert!(!TaskForm::new().has_container());
}

#[test]
fn checks_are_one_a_line_and_keep_what_the_form_does_not_show() {
    let mut form = TaskForm::new();
    let slow = Check {
        run: "cargo test".to_owned(),
        timeout_seconds: Some(9),
        expect: Some("ok".to_owned()),
        clean: false,
    };
    form.steps[0].stored = vec![slow.clone()];
    form.steps[0].checks = " cargo test \n\ncargo fmt --check\n".to_owned();
    assert_eq!(form.wire().unwrap().steps[0].checks, [slow.clone(), Check::from("cargo fmt --check")]);
    form.steps[0].clean = true;
    let clean = |check: Check| Check { clean: true, ..check };
    assert_eq!(form.wire().unwrap().steps[0].checks, [clean(slow), clean(Check::from("cargo fmt --check"))]);
}

#[test]
fn checks_of_which_some_are_clean_stay_so_until_one_chooses_for_all() {
    let clean = Check { clean: true, ..Check::from("make test") };
    let step = Step { instructions: "Do it.".to_owned(), checks: vec![clean.clone(), "make lint".into()] };
    let mut form = TaskForm::of(&task(TaskSpec::new("A task", vec![step.clone()])));
    assert!(!form.steps[0].clean);
    assert_eq!(form.wire().unwrap().steps, [step]);
    form.steps[0].stored = vec![clean];
    form.steps[0].checks = "make test".to_owned();
    assert_eq!(form.wire().unwrap().steps[0].checks, [Check::from("make test")]);
}

#[test]
fn a_failure_is_said_at_the_step_and_part_it_names() {
    assert!(at_step(&failure("steps[1].checks[0].run"), 1, "checks").is_some());
    assert!(at_step(&failure("steps[1].checks[0].run"), 1, "instructions").is_none());
    assert!(at_step(&failure("steps[1].instructions"), 0, "instructions").is_none());
    assert!(at_step(&failure("steps[10].instructions"), 1, "instructions").is_none());
    assert!(at_step(&failure("steps[0]"), 0, "instructions").is_some());
    assert!(is_shown_at_field(&failure("name"), 1));
    assert!(is_shown_at_field(&failure("env.TOKEN"), 1));
    assert!(!is_shown_at_field(&failure("steps"), 1));
    assert!(!is_shown_at_field(&failure("environment"), 1));
    assert!(!is_shown_at_field(&Failure::new("no"), 1));
}

#[test]
fn a_failure_of_a_line_says_which() {
    let typed = " example.org \n\n-x-\n";
    assert_eq!(said(&failure("egress[1]"), "egress", typed).as_deref(), Some("-x-: no"));
    assert_eq!(said(&failure("egress[7]"), "egress", typed).as_deref(), Some("no"));
    assert_eq!(said(&failure("egress"), "egress", typed).as_deref(), Some("no"));
    assert_eq!(said(&failure("env.A B"), "env", "").as_deref(), Some("A B: no"));
    assert_eq!(said(&failure("models[0]"), "model", "x"), None);
    assert!(is_of_container(&failure("models[0]")) && !is_of_container(&failure("model")));
}

#[test]
fn a_limit_is_a_figure_and_what_was_set_is_not_taken_away_in_silence() {
    let mut form = TaskForm { max_turns: "12".to_owned(), budget: " $2.50".to_owned(), ..TaskForm::new() };
    let limits = form.wire().map(|spec| (spec.max_turns, spec.budget_usd));
    assert_eq!(limits, Ok((Some(12), Some(2.5))));
    form.max_turns = "a few".to_owned();
    assert_eq!(form.wire().unwrap_err().field.as_deref(), Some("maxTurns"));
    let empty = TaskSpec::new("A task", Vec::new());
    for (field, spec) in [
        ("budgetUsd", TaskSpec { budget_usd: Some(1.0), ..empty.clone() }),
        ("maxTurns", TaskSpec { max_turns: Some(1), ..empty.clone() }),
        ("model", TaskSpec { model: Some("opus".to_owned()), ..empty.clone() }),
        ("image", TaskSpec { image: Some("acme/base".to_owned()), ..empty }),
    ] {
        let form = TaskForm { stored: Some(spec), ..TaskForm::new() };
        assert_eq!(form.wire().unwrap_err().field.as_deref(), Some(field));
    }
}

#[test]
fn keys_of_steps_are_never_used_twice() {
    let mut form = TaskForm::new();
    form.add_step();
    form.add_step();
    form.steps.remove(1);
    form.add_step();
    assert_eq!(form.steps.iter().map(|step| step.key).collect::<Vec<_>>(), [0, 2, 3]);
}
