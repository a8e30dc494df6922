//! How Claude Code is started and spoken to.

use std::net::SocketAddr;

use api::{executor::Execute, task::PermissionProfile};
use serde_json::json;
use tokio::process::Command;

use crate::{identity::Author, refusal::Refusal};

/// No "Co-Authored-By" in the user's commits.
const SETTINGS: &str = r#"{"attribution":{"commit":"","pr":""}}"#;

/// Switches off what would ask hosts that the container cannot reach, and what outlives a result.
const SWITCHES: [&str; 4] = [
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_TELEMETRY",
    "DISABLE_AUTOUPDATER",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
];

/// The mode that stands for what the agent may do.
///
/// # Errors
/// `Invalid` for `ask`, which nobody can answer yet.
fn permission_mode(profile: PermissionProfile) -> Result<&'static str, Refusal> {
    match profile {
        PermissionProfile::Full => Ok("bypassPermissions"),
        PermissionProfile::Edit => Ok("acceptEdits"),
        // What would ask is denied, and reading does not ask.
        PermissionProfile::ReadOnly => Ok("default"),
        PermissionProfile::Ask => {
            Err(Refusal::Invalid("permissionProfile: `ask` is not available yet".to_owned()))
        }
    }
}

/// Adds the arguments.
///
/// The repository's own settings, hooks and MCP servers run unasked: `--setting-sources user` would stop
/// them, but would drop its CLAUDE.md as well. They can do no more than the agent itself, which is in a
/// closed container without secrets.
///
/// # Errors
/// `Invalid` when the request asks for what cannot be had.
pub(crate) fn add_arguments(command: &mut Command, request: &Execute) -> Result<(), Refusal> {
    command.args(["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]);
    command.args(["--include-partial-messages", "--model", &request.model, "--settings", SETTINGS]);
    command.args(["--permission-mode", permission_mode(request.permission_profile)?]);
    match (&request.resume, &request.session) {
        (Some(resume), _) => command.args(["--resume", resume]),
        (None, Some(session)) => command.args(["--session-id", session]),
        (None, None) => command,
    };
    if let Some(turns) = request.max_turns {
        command.args(["--max-turns", &turns.to_string()]);
    }
    if let Some(budget) = request.budget_usd {
        command.args(["--max-budget-usd", &budget.to_string()]);
    }
    Ok(())
}

/// The environment that is ours; the request may not change it.
pub(crate) fn environment(
    request: &Execute,
    relay: SocketAddr,
    author: Option<&Author>,
) -> Vec<(&'static str, String)> {
    let mut own = vec![
        ("ANTHROPIC_BASE_URL", format!("http://{relay}")),
        ("ANTHROPIC_API_KEY", request.model_token.clone()),
    ];
    own.extend(SWITCHES.map(|name| (name, "1".to_owned())));
    if let Some(Author { name, email }) = author {
        own.extend([("GIT_AUTHOR_NAME", name.clone()), ("GIT_COMMITTER_NAME", name.clone())]);
        own.extend([("GIT_AUTHOR_EMAIL", email.clone()), ("GIT_COMMITTER_EMAIL", email.clone())]);
    }
    own
}

/// A message to the agent, as a line of its standard input.
pub(crate) fn message(text: &str) -> String {
    let message = json!({
        "type": "user",
        "message": {"role": "user", "content": text},
        "parent_tool_use_id": null,
        "session_id": "",
    });
    format!("{message}\n")
}
