//! How Claude Code is started and spoken to.

use std::{net::SocketAddr, path::Path};

use api::{
    claude::Decision,
    executor::Execute,
    task::{PermissionProfile, RepositorySettings},
};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::identity::Author;

/// No "Co-Authored-By" in the user's commits.
const SETTINGS: &str = r#"{"attribution":{"commit":"","pr":""}}"#;

/// Switches off what would ask hosts that the container cannot reach, and what outlives a result.
const SWITCHES: [&str; 4] = [
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_TELEMETRY",
    "DISABLE_AUTOUPDATER",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
];

/// A model call may wait for hours until a person gives it money: 24 h in milliseconds for the whole call, and
/// no limit of 5 minutes on a connection that is silent. A stream that has begun is still watched.
const MODEL_PATIENCE: [(&str, &str); 2] = [("API_TIMEOUT_MS", "86400000"), ("API_FORCE_IDLE_TIMEOUT", "0")];

/// Without a person at a terminal the agent could enter the planning mode, and then do nothing but plan.
const NO_TOOLS: &str = "EnterPlanMode,ExitPlanMode";

/// Something in a line of the agent that is for its partner, not for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// It no longer wants the answer to this request.
    Withdrawn(String),
    /// A request that nobody here can answer; it would wait for ever.
    Unknown(String),
}

/// The mode that stands for what the agent may do. What it does not cover the agent asks, and is answered
/// by a person or, where the profile asks nobody, with no.
const fn permission_mode(profile: PermissionProfile) -> &'static str {
    match profile {
        PermissionProfile::Full => "bypassPermissions",
        PermissionProfile::Edit => "acceptEdits",
        PermissionProfile::ReadOnly | PermissionProfile::Ask => "default",
    }
}

/// Only the agent's own settings and no MCP server that was not asked for by name: the repository's hooks, MCP
/// servers, environment, permissions, skills and plugins do nothing. That would drop its instructions as well;
/// they come back as those of a folder that was added.
const NO_SETTINGS: [&str; 4] = ["--setting-sources", "user", "--strict-mcp-config", "--add-dir"];
/// Reads `CLAUDE.md`, `.claude/CLAUDE.md` and `.claude/rules` of folders that were added.
const INSTRUCTIONS: &str = "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD";

/// Adds the arguments.
pub(crate) fn add_arguments(command: &mut Command, request: &Execute, workspace: &Path) {
    command.args(["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]);
    command.args(["--include-partial-messages", "--model", &request.model, "--settings", SETTINGS]);
    if request.repository_settings == RepositorySettings::Ignored {
        command.args(NO_SETTINGS).arg(workspace);
    }
    command.args(["--permission-mode", permission_mode(request.permission_profile)]);
    command.args(["--permission-prompt-tool", "stdio", "--disallowedTools", NO_TOOLS]);
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
    own.extend(MODEL_PATIENCE.map(|(name, value)| (name, value.to_owned())));
    own.extend(request.model_retries.map(|most| ("CLAUDE_CODE_MAX_RETRIES", most.to_string())));
    if request.repository_settings == RepositorySettings::Ignored {
        own.push((INSTRUCTIONS, "1".to_owned()));
    }
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

/// The answer to a request of the agent, as a line of its standard input.
pub(super) fn answer(request_id: &str, decision: &Decision) -> String {
    let decision = match decision {
        Decision::Allow { updated_input } => json!({"behavior": "allow", "updatedInput": updated_input}),
        Decision::Deny { message } => json!({"behavior": "deny", "message": message}),
    };
    response(json!({"subtype": "success", "request_id": request_id, "response": decision}))
}

/// The answer to a request that nobody here can answer.
pub(super) fn unsupported(request_id: &str) -> String {
    response(json!({"subtype": "error", "request_id": request_id, "error": "not supported by this host"}))
}

fn response(response: Value) -> String {
    format!("{}\n", json!({"type": "control_response", "response": response}))
}

/// What a line says to the agent's partner, if anything.
pub(super) fn control(raw: &str) -> Option<Control> {
    // Most lines are long and say nothing of the kind.
    let line: Value = raw.contains("control_").then(|| serde_json::from_str(raw).ok()).flatten()?;
    let request_id = line["request_id"].as_str()?.to_owned();
    match line["type"].as_str()? {
        "control_cancel_request" => Some(Control::Withdrawn(request_id)),
        "control_request" if line["request"]["subtype"] != "can_use_tool" => {
            Some(Control::Unknown(request_id))
        }
        _ => None,
    }
}
