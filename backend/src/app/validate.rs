//! What a task must be; pure. Every refusal names the field as a path.

pub(super) mod reach;

use api::{
    error::ApiError,
    task::{EnvValue, MAX_STEPS, PermissionProfile, Step, TaskSpec},
};

use super::egress;
use crate::secrets;

/// The longest instructions of a step, in bytes.
const MAX_INSTRUCTIONS: usize = 256 * 1024;
/// The longest task as a whole, in bytes of JSON.
const MAX_TASK: usize = 1024 * 1024;
/// The longest command line of a check, in bytes.
const MAX_COMMAND: usize = 16 * 1024;
/// The most checks a step may have.
const MAX_CHECKS: usize = 50;
/// The longest time-out, in seconds: a week.
const MAX_TIMEOUT: u64 = 7 * 24 * 3600;

/// Environment that belongs to the agent's own set-up.
const RESERVED_ENV: [&str; 6] = ["HOME", "PATH", "LANG", "USER", "SHELL", "TMPDIR"];
/// Prefixes of the same.
const RESERVED_ENV_PREFIXES: [&str; 4] = ["ANTHROPIC_", "CLAUDE", "CAISSON_", "GIT_"];

/// Checks a task's definition.
///
/// # Errors
/// `Invalid`, naming the first field that cannot be.
pub(super) fn check(spec: &TaskSpec) -> Result<(), ApiError> {
    let name = spec.name.trim();
    if name.is_empty() {
        return Err(ApiError::invalid("name", "is blank"));
    }
    if 200 < name.chars().count() {
        return Err(ApiError::invalid("name", "is longer than 200 characters"));
    }
    if MAX_INSTRUCTIONS < spec.description.len() {
        return Err(ApiError::invalid("description", format!("is longer than {MAX_INSTRUCTIONS} bytes")));
    }
    if spec.steps.is_empty() || MAX_STEPS < spec.steps.len() {
        let why = format!("a task has 1 to {MAX_STEPS} steps, not {}", spec.steps.len());
        return Err(ApiError::invalid("steps", why));
    }
    for (at, step) in spec.steps.iter().enumerate() {
        check_step(&format!("steps[{at}]"), step)?;
    }
    check_settings(spec)?;
    reach::check(spec)?;
    for (name, value) in &spec.env {
        check_env(name)?;
        if let EnvValue::Secret(secret) = value {
            secrets::check_name(&format!("env.{name}"), secret)?;
        }
    }
    // Each run has a copy of its task, and lists have many of them.
    let bytes = serde_json::to_string(spec).map_or(usize::MAX, |json| json.len());
    if MAX_TASK < bytes {
        let why = format!(
            "the task has {bytes} bytes in all, and may have {MAX_TASK}: put long material into the repository"
        );
        return Err(ApiError::invalid("steps", why));
    }
    Ok(())
}

fn check_step(path: &str, step: &Step) -> Result<(), ApiError> {
    let field = format!("{path}.instructions");
    if step.instructions.trim().is_empty() {
        return Err(ApiError::invalid(field, "is blank: say what the agent should do"));
    }
    if MAX_INSTRUCTIONS < step.instructions.len() {
        let why = format!(
            "has {} bytes, and may have {MAX_INSTRUCTIONS}: put long material into the repository",
            step.instructions.len()
        );
        return Err(ApiError::invalid(field, why));
    }
    if MAX_CHECKS < step.checks.len() {
        return Err(ApiError::invalid(
            format!("{path}.checks"),
            format!("a step has at most {MAX_CHECKS} checks"),
        ));
    }
    for (at, check) in step.checks.iter().enumerate() {
        let path = format!("{path}.checks[{at}]");
        if check.run.trim().is_empty() {
            return Err(ApiError::invalid(format!("{path}.run"), "is blank: give a command line"));
        }
        if MAX_COMMAND < check.run.len() || check.run.contains('\0') {
            return Err(ApiError::invalid(
                format!("{path}.run"),
                format!("is not a command line of at most {MAX_COMMAND} bytes"),
            ));
        }
        if let Some(seconds) = check.timeout_seconds {
            check_seconds(&format!("{path}.timeoutSeconds"), seconds)?;
        }
        if let Some(Err(error)) = check.expect.as_deref().map(regex::Regex::new) {
            return Err(ApiError::invalid(
                format!("{path}.expect"),
                format!("is not a regular expression: {error}"),
            ));
        }
    }
    Ok(())
}

fn check_settings(spec: &TaskSpec) -> Result<(), ApiError> {
    check_seconds("timeoutSeconds", spec.timeout_seconds)?;
    let can = spec.agent.capabilities();
    if spec.max_turns.is_some() && !can.max_turns {
        return Err(ApiError::invalid("maxTurns", "cannot be set for this agent: leave it out"));
    }
    if spec.permission_profile == PermissionProfile::Ask && !can.ask {
        return Err(ApiError::invalid(
            "permissionProfile",
            "is `ask`, and this agent cannot ask: choose another one",
        ));
    }
    if spec.max_turns == Some(0) {
        return Err(ApiError::invalid("maxTurns", "is 0: leave it out for no limit, or allow at least 1"));
    }
    check_seconds("stepTimeoutSeconds", spec.step_timeout_seconds)?;
    if let Some(model) = &spec.model
        && (model.trim().is_empty()
            || 200 < model.len()
            || model.starts_with('-')
            || model.chars().any(char::is_control))
    {
        return Err(ApiError::invalid("model", "is not the name of a model: for example `sonnet`"));
    }
    if spec.budget_usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
        return Err(ApiError::invalid("budgetUsd", "must be more than 0; leave it out for no limit"));
    }
    egress::check(&spec.egress)?;
    if let Some(image) = &spec.image
        && (image.is_empty()
            || 500 < image.len()
            || image.starts_with('-')
            || !image.chars().all(|c| c.is_ascii_graphic()))
    {
        return Err(ApiError::invalid(
            "image",
            "is not the name of an image: for example `caisson-executor:dev`",
        ));
    }
    if spec.output_schema.is_some() {
        return Err(ApiError::invalid("outputSchema", "is not available yet"));
    }
    Ok(())
}

fn check_seconds(field: &str, seconds: u64) -> Result<(), ApiError> {
    if (1..=MAX_TIMEOUT).contains(&seconds) {
        return Ok(());
    }
    Err(ApiError::invalid(field, format!("{seconds} is not between 1 and {MAX_TIMEOUT} seconds")))
}

fn check_env(name: &str) -> Result<(), ApiError> {
    let field = format!("env.{name}");
    let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() || !word || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(ApiError::invalid(field, "is not the name of an environment variable"));
    }
    if RESERVED_ENV.contains(&name) || RESERVED_ENV_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(ApiError::invalid(field, "is set by Caisson itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(change: impl FnOnce(&mut TaskSpec)) -> String {
        let step = Step { instructions: "Do it.".into(), checks: vec!["true".into()] };
        let mut spec = TaskSpec::new("A task", vec![step]);
        assert_eq!(check(&spec), Ok(()), "the task is fine before the change");
        change(&mut spec);
        match check(&spec) {
            Err(ApiError::Invalid { field, .. }) => field,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn each_refusal_names_its_field() {
        assert_eq!(field_of(|task| task.name = " ".into()), "name");
        assert_eq!(field_of(|task| task.name = "x".repeat(201)), "name");
        assert_eq!(field_of(|task| task.steps.clear()), "steps");
        assert_eq!(field_of(|task| task.steps = vec![task.steps[0].clone(); 101]), "steps");
        assert_eq!(field_of(|task| task.steps[0].instructions = "\n\t ".into()), "steps[0].instructions");
        assert_eq!(
            field_of(|task| task.steps[0].instructions = "x".repeat(1 << 20)),
            "steps[0].instructions"
        );
        assert_eq!(field_of(|task| task.steps[0].checks = vec!["".into()]), "steps[0].checks[0].run");
        assert_eq!(
            field_of(|task| task.steps[0].checks[0].expect = Some("(".into())),
            "steps[0].checks[0].expect"
        );
        assert_eq!(field_of(|task| task.timeout_seconds = 0), "timeoutSeconds");
        assert_eq!(field_of(|task| task.step_timeout_seconds = u64::MAX), "stepTimeoutSeconds");
        assert_eq!(field_of(|task| task.budget_usd = Some(f64::NAN)), "budgetUsd");
        assert_eq!(field_of(|task| task.model = Some("--help".into())), "model");
        assert_eq!(field_of(|task| task.egress = vec!["https://example.org".into()]), "egress[0]");
        assert_eq!(field_of(|task| task.image = Some("--privileged x".into())), "image");
        assert_eq!(field_of(|task| task.submodules = vec!["file:///etc".into()]), "submodules[0]");
        assert_eq!(field_of(|task| task.max_turns = Some(0)), "maxTurns");
        assert_eq!(
            field_of(|task| drop(task.env.insert("ANTHROPIC_API_KEY".into(), "x".into()))),
            "env.ANTHROPIC_API_KEY"
        );
        assert_eq!(field_of(|task| drop(task.env.insert("A B".into(), "x".into()))), "env.A B");
        let secret = EnvValue::Secret("no name".into());
        assert_eq!(field_of(|task| drop(task.env.insert("A".into(), secret))), "env.A");
    }
}
