//! The form that a task is written in: text as typed, to and from the wire.

use api::task::{Check, PermissionProfile, RepositorySettings, Step, Task, TaskSpec};

use super::{failure::Failure, start::figure};

mod env;

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
    /// What its container may reach, an entry a line.
    pub(crate) egress: String,
    /// The image of its container; blank is the server's.
    pub(crate) image: String,
    /// The models it may call, one a line; blank is any.
    pub(crate) models: String,
    /// What of the repository's own settings is used.
    pub(crate) settings: RepositorySettings,
    /// Further repositories to read, one a line.
    pub(crate) submodules: String,
    /// Its environment, a variable a line.
    pub(crate) env: String,
    /// The task as it was stored: the server keeps what is left out, so some of it cannot be taken away.
    stored: Option<TaskSpec>,
    /// Its steps; at least one.
    pub(crate) steps: Vec<StepForm>,
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
    /// Whether they run in a clean checkout of the commit.
    pub(crate) clean: bool,
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
        let spec = &task.spec;
        let step = |(key, step): (usize, &Step)| StepForm {
            key,
            instructions: step.instructions.clone(),
            checks: step.checks.iter().map(|check| check.run.as_str()).collect::<Vec<_>>().join("\n"),
            clean: all_clean(&step.checks),
            stored: step.checks.clone(),
        };
        Self {
            name: spec.name.clone(),
            model: spec.model.clone().unwrap_or_default(),
            profile: spec.permission_profile,
            max_turns: spec.max_turns.map(|turns| turns.to_string()).unwrap_or_default(),
            budget: spec.budget_usd.map(|usd| usd.to_string()).unwrap_or_default(),
            egress: spec.egress.join("\n"),
            image: spec.image.clone().unwrap_or_default(),
            models: spec.models.join("\n"),
            settings: spec.repository_settings,
            submodules: spec.submodules.join("\n"),
            env: env::text(&spec.env),
            stored: Some(spec.clone()),
            steps: spec.steps.iter().enumerate().map(step).collect(),
        }
    }

    /// Adds an empty step at the end.
    pub(crate) fn add_step(&mut self) {
        let key = self.steps.iter().map(|step| step.key + 1).max().unwrap_or_default();
        self.steps.push(StepForm { key, ..StepForm::default() });
    }

    /// Whether anything is said of container and network.
    pub(crate) fn has_container(&self) -> bool {
        [&self.egress, &self.image, &self.models, &self.submodules, &self.env].iter().any(|it| !it.is_empty())
            || self.settings != RepositorySettings::Ignored
    }

    /// The task for the wire. Little is judged here: the server names what is wrong.
    ///
    /// # Errors
    /// What the wire has no words for, at its field: a figure or a variable that is none, and what was taken out.
    pub(crate) fn wire(&self) -> Result<TaskSpec, Failure> {
        let stored = self.stored.as_ref();
        let spec = TaskSpec {
            model: entries(&self.model).pop(),
            permission_profile: self.profile,
            max_turns: figure(&self.max_turns, "maxTurns")?,
            budget_usd: figure(&self.budget, "budgetUsd")?,
            egress: entries(&self.egress),
            image: entries(&self.image).pop(),
            models: entries(&self.models),
            repository_settings: self.settings,
            submodules: entries(&self.submodules),
            env: env::read(&self.env, stored.map(|stored| &stored.env))?,
            ..TaskSpec::new(self.name.clone(), self.steps.iter().map(StepForm::wire).collect())
        };
        match stored.and_then(|stored| taken_out(stored, &spec)) {
            Some(field) => Err(Failure {
                field: Some(field.to_owned()),
                ..Failure::new("what was set can be changed, but not taken away")
            }),
            None => Ok(spec),
        }
    }
}

/// The field that was set and is no more.
fn taken_out(stored: &TaskSpec, now: &TaskSpec) -> Option<&'static str> {
    let set = |spec: &TaskSpec| {
        [
            ("model", spec.model.is_some()),
            ("maxTurns", spec.max_turns.is_some()),
            ("budgetUsd", spec.budget_usd.is_some()),
            ("image", spec.image.is_some()),
        ]
    };
    let pairs = set(stored).into_iter().zip(set(now));
    pairs.into_iter().find(|((_, was), (_, is))| *was && !is).map(|((field, _), _)| field)
}

/// The lines with something in them.
fn entries(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A profile's name on the form, and what it means.
pub(crate) const PROFILES: [(PermissionProfile, &str); 4] = [
    (PermissionProfile::Full, "Everything inside its container"),
    (PermissionProfile::Ask, "Ask me first, each time"),
    (PermissionProfile::Edit, "Read and change files, no other tools"),
    (PermissionProfile::ReadOnly, "Only read"),
];

/// What of a repository's settings is used, and what that means.
pub(crate) const SETTINGS: [(RepositorySettings, &str); 2] = [
    (RepositorySettings::Ignored, "Ignored: none of its settings runs a command"),
    (RepositorySettings::Trusted, "Trusted: its hooks and MCP servers run, as on your own machine"),
];

/// Whether there are checks and all of them run in a clean checkout.
fn all_clean(checks: &[Check]) -> bool {
    !checks.is_empty() && checks.iter().all(|check| check.clean)
}

impl StepForm {
    fn wire(&self) -> Step {
        let chosen = self.clean != all_clean(&self.stored);
        let check = |line: String| {
            let stored = self.stored.iter().find(|check| check.run == line);
            match stored.cloned() {
                // Where only some are clean, that stays until somebody chooses for all of them.
                Some(stored) if !chosen => stored,
                stored => Check { clean: self.clean, ..stored.unwrap_or_else(|| Check::from(line.as_str())) },
            }
        };
        let checks = entries(&self.checks).into_iter().map(check).collect();
        Step { instructions: self.instructions.clone(), checks }
    }
}

/// What to say at a field; what is wrong with one line of it (`egress[2]`, `env.TOKEN`) is said with that line.
pub(crate) fn said(failure: &Failure, field: &str, typed: &str) -> Option<String> {
    let rest = failure.field.as_deref()?.strip_prefix(field)?;
    let place = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::parse::<usize>);
    let part = match (place, rest.strip_prefix('.')) {
        (Some(place), _) => entries(typed).into_iter().nth(place.ok()?),
        (None, Some(name)) => Some(name.to_owned()),
        (None, None) if rest.is_empty() => None,
        (None, None) => return None,
    };
    Some(part.map_or_else(|| failure.text.clone(), |part| format!("{part}: {}", failure.text)))
}

/// What to say at a part of a step: the server's field is `steps[2].checks[0].run` or shorter.
pub(crate) fn at_step(failure: &Failure, place: usize, part: &str) -> Option<String> {
    let rest = failure.field.as_deref()?.strip_prefix(&format!("steps[{place}]"))?;
    let rest = rest.trim_start_matches('.');
    // What is wrong with the step as a whole is said where one writes it.
    let belongs = rest.starts_with(part) || (part == "instructions" && !rest.starts_with("checks"));
    belongs.then(|| failure.text.clone())
}

/// Whether a failure is about container and network.
pub(crate) fn is_of_container(failure: &Failure) -> bool {
    ["egress", "image", "models", "repositorySettings", "submodules", "env"]
        .iter()
        .any(|field| said(failure, field, "").is_some())
}

/// Whether a field of the form shows this failure; if not, it is said beside the button.
pub(crate) fn is_shown_at_field(failure: &Failure, steps: usize) -> bool {
    is_of_container(failure)
        || ["name", "model", "permissionProfile", "maxTurns", "budgetUsd"]
            .iter()
            .any(|field| failure.at(field).is_some())
        || (0..steps).any(|place| {
            ["instructions", "checks"].iter().any(|part| at_step(failure, place, part).is_some())
        })
}

#[cfg(test)]
mod tests;
