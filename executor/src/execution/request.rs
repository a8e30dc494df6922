//! Which requests to execute make sense; checked before anything starts.

use api::executor::Execute;

use crate::refusal::Refusal;

/// Variables that are the executor's to set, or that would take their place.
const OURS: [&str; 14] = [
    "HOME",
    "PATH",
    "LANG",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_TELEMETRY",
    "DISABLE_AUTOUPDATER",
    "API_FORCE_IDLE_TIMEOUT",
    "API_TIMEOUT_MS",
    "CLAUDE_CODE_MAX_RETRIES",
];
/// `LD_`, `GLIBC_` and `GCONV_` would reach the program that gives up the privileges, before it has.
const OUR_PREFIXES: [&str; 6] = ["CAISSON_", "GIT_AUTHOR_", "GIT_COMMITTER_", "GCONV_", "GLIBC_", "LD_"];

/// Refuses what cannot be executed.
///
/// # Errors
/// `Invalid`, which names the field.
pub(crate) fn check(request: &Execute) -> Result<(), Refusal> {
    let invalid = |text: &str| Err(Refusal::Invalid(text.to_owned()));
    if !is_id(&request.execution_id) {
        return invalid("executionId: 1 to 100 of the characters a-z, A-Z, 0-9, - and _");
    }
    if request.prompt.trim().is_empty() {
        return invalid("prompt: must not be blank");
    }
    // A value that begins with a dash would be read as an option.
    if request.model.is_empty() || request.model.starts_with('-') || request.model.contains('\0') {
        return invalid("model: not the name of a model");
    }
    for (field, id) in [("resume", &request.resume), ("session", &request.session)] {
        if id.as_deref().is_some_and(|id| !is_id(id) || id.starts_with('-')) {
            return Err(Refusal::Invalid(format!("{field}: not a session id")));
        }
    }
    if request.timeout_seconds == 0 {
        return invalid("timeoutSeconds: must be at least 1");
    }
    if request.budget_usd.is_some_and(|budget| !budget.is_finite() || budget <= 0.0) {
        return invalid("budgetUsd: must be above 0");
    }
    if request.model_token.contains('\0') {
        return invalid("modelToken: must not hold a NUL");
    }
    check_env(&request.env)
}

/// Refuses variables that are ours and names that are none.
///
/// # Errors
/// `Invalid`, which names the variable.
pub(crate) fn check_env(env: &std::collections::BTreeMap<String, String>) -> Result<(), Refusal> {
    for (name, value) in env {
        let ours =
            OURS.contains(&name.as_str()) || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if ours {
            return Err(Refusal::Invalid(format!("env.{name}: is set by Caisson and cannot be changed")));
        }
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(letter) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Refusal::Invalid(format!("env.{name:?}: not a variable's name")));
        }
        if value.contains('\0') {
            return Err(Refusal::Invalid(format!("env.{name}: must not hold a NUL")));
        }
    }
    Ok(())
}

/// Ids become file names and arguments.
fn is_id(id: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=100).contains(&id.len()) && id.bytes().all(fine)
}
