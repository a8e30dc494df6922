//! The form that a task is written in: text as typed, to and from the wire.

use api::task::{Check, PermissionProfile, Step, Task};

use super::{failure::Failure, start::figure};

/// A task as it is being written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TaskForm {
    /// What people call it.
    pub(crate) name: String,
    /// The model to ask for; blank is the server's default.
    pub(crate) model: String,
    /// What the agent may do without asking.
    pub(crate) profile: PermissionProfile,
    /// How many turns the agent may take for one step; blank is no limit.
    pub(crate) max_turns: String,
    /// What one run may cost, in US dollars; blank is no limit.
    pub(crate) budget: String,
    /// The task as it was stored: the server keeps what is left out, so a limit cannot be taken away.
    stored: Limits,
    /// Its steps; at least one.
    pub(crate) steps: Vec<StepForm>,
}

/// The limits of a task as the wire has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// How many turns the agent may take for one step.
    pub(crate) max_turns: Option<u32>,
    /// What one run may cost, in US dollars.
    pub(crate) budget_usd: Option<f64>,
}

/// A step as it is being written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StepForm {
    /// Tells it from the others while steps are added and taken out.
    pub(crate) key: usize,
    /// What the agent is told.
    pub(crate) instructions: String,
    /// The command lines, one a line.
    pub(crate) checks: String,
    /// The step as it was stored: what the form does not show of its checks is kept.
    stored: Vec<Check>,
}

impl TaskForm {
    /// An empty form.
    pub(crate) fn new() -> Self {
        Self { steps: vec![StepForm::default()], ..Self::default() }
    }

    /// A stored task.
    pub(crate) fn of(task: &Task) -> Self {
        let step = |(key, step): (usize, &Step)| StepForm {
            key,
            instructions: step.instructions.clone(),
            checks: step.checks.iter().map(|check| check.run.as_str()).collect::<Vec<_>>().join("\n"),
            stored: step.checks.clone(),
        };
        let limits = Limits { max_turns: task.spec.max_turns, budget_usd: task.spec.budget_usd };
        Self {
            name: task.spec.name.clone(),
            model: task.spec.model.clone().unwrap_or_default(),
            profile: task.spec.permission_profile,
            max_turns: limits.max_turns.map(|turns| turns.to_string()).unwrap_or_default(),
            budget: limits.budget_usd.map(|usd| usd.to_string()).unwrap_or_default(),
            stored: limits,
            steps: task.spec.steps.iter().enumerate().map(step).collect(),
        }
    }

    /// Adds an empty step at the end.
    pub(crate) fn add_step(&mut self) {
        let key = self.steps.iter().map(|step| step.key + 1).max().unwrap_or_default();
        self.steps.push(StepForm { key, ..StepForm::default() });
    }

    /// The steps for the wire. Nothing is judged here: the server names what is wrong.
    pub(crate) fn wire_steps(&self) -> Vec<Step> {
        self.steps.iter().map(StepForm::wire).collect()
    }

    /// The model for the wire.
    pub(crate) fn wire_model(&self) -> Option<String> {
        let model = self.model.trim();
        (!model.is_empty()).then(|| model.to_owned())
    }

    /// The limits for the wire.
    ///
    /// # Errors
    /// A figure that is none, or a limit that was taken out, at its field.
    pub(crate) fn wire_limits(&self) -> Result<Limits, Failure> {
        let max_turns = figure(&self.max_turns, "maxTurns")?;
        let budget_usd = figure(&self.budget, "budgetUsd")?;
        let taken_out = [
            ("maxTurns", max_turns.is_none() && self.stored.max_turns.is_some()),
            ("budgetUsd", budget_usd.is_none() && self.stored.budget_usd.is_some()),
        ];
        match taken_out.into_iter().find(|(_, is_out)| *is_out) {
            Some((field, _)) => Err(Failure {
                field: Some(field.to_owned()),
                ..Failure::new("a limit that was set can be changed, but not taken away")
            }),
            None => Ok(Limits { max_turns, budget_usd }),
        }
    }
}

/// A profile's name on the form, and what it means.
pub(crate) const PROFILES: [(PermissionProfile, &str); 4] = [
    (PermissionProfile::Full, "Everything inside its container"),
    (PermissionProfile::Ask, "Ask me first, each time"),
    (PermissionProfile::Edit, "Read and change files, no other tools"),
    (PermissionProfile::ReadOnly, "Only read"),
];

impl StepForm {
    fn wire(&self) -> Step {
        let lines = self.checks.lines().map(str::trim).filter(|line| !line.is_empty());
        let check = |line: &str| {
            let stored = self.stored.iter().find(|check| check.run == line);
            stored.cloned().unwrap_or_else(|| Check::from(line))
        };
        Step { instructions: self.instructions.clone(), checks: lines.map(check).collect() }
    }
}

/// What to say at a part of a step: the server's field is `steps[2].checks[0].run` or shorter.
pub(crate) fn at_step(failure: &Failure, place: usize, part: &str) -> Option<String> {
    let rest = failure.field.as_deref()?.strip_prefix(&format!("steps[{place}]"))?;
    let rest = rest.trim_start_matches('.');
    // What is wrong with the step as a whole is said where one writes it.
    let belongs = rest.starts_with(part) || (part == "instructions" && !rest.starts_with("checks"));
    belongs.then(|| failure.text.clone())
}

/// Whether a field of the form shows this failure; if not, it is said beside the button.
pub(crate) fn is_shown_at_field(failure: &Failure, steps: usize) -> bool {
    match failure.field.as_deref() {
        Some("name" | "model" | "permissionProfile" | "maxTurns" | "budgetUsd") => true,
        Some(_) => (0..steps).any(|place| {
            ["instructions", "checks"].iter().any(|part| at_step(failure, place, part).is_some())
        }),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(field: &str) -> Failure {
        Failure { field: Some(field.to_owned()), ..Failure::new("no") }
    }

    #[test]
    fn checks_are_one_a_line_and_keep_what_the_form_does_not_show() {
        let mut form = TaskForm::new();
        let slow =
            Check { run: "cargo test".to_owned(), timeout_seconds: Some(9), expect: Some("ok".to_owned()) };
        form.steps[0].stored = vec![slow.clone()];
        form.steps[0].checks = " cargo test \n\ncargo fmt --check\n".to_owned();
        assert_eq!(form.wire_steps()[0].checks, [slow, Check::from("cargo fmt --check")]);
    }

    #[test]
    fn a_failure_is_said_at_the_step_and_part_it_names() {
        assert!(at_step(&failure("steps[1].checks[0].run"), 1, "checks").is_some());
        assert!(at_step(&failure("steps[1].checks[0].run"), 1, "instructions").is_none());
        assert!(at_step(&failure("steps[1].instructions"), 0, "instructions").is_none());
        assert!(at_step(&failure("steps[10].instructions"), 1, "instructions").is_none());
        assert!(at_step(&failure("steps[0]"), 0, "instructions").is_some());
        assert!(is_shown_at_field(&failure("name"), 1));
        assert!(!is_shown_at_field(&failure("steps"), 1));
        assert!(!is_shown_at_field(&Failure::new("no"), 1));
    }

    #[test]
    fn a_limit_is_a_figure_and_one_that_was_set_is_not_taken_away_in_silence() {
        let mut form =
            TaskForm { max_turns: "12".to_owned(), budget: " $2.50".to_owned(), ..TaskForm::new() };
        assert_eq!(form.wire_limits(), Ok(Limits { max_turns: Some(12), budget_usd: Some(2.5) }));
        form.max_turns = "a few".to_owned();
        assert_eq!(form.wire_limits().unwrap_err().field.as_deref(), Some("maxTurns"));
        form = TaskForm { stored: Limits { max_turns: None, budget_usd: Some(1.0) }, ..TaskForm::new() };
        assert_eq!(form.wire_limits().unwrap_err().field.as_deref(), Some("budgetUsd"));
        assert_eq!(TaskForm::new().wire_limits(), Ok(Limits::default()));
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
}
