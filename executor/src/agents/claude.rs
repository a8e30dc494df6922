//! Claude Code: how it is started and spoken to.

mod ask;
mod read;
mod tools;

use api::{
    agent::Decision,
    task::{PermissionProfile, RepositorySettings},
};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Adapter, Reading, Start};
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

/// Claude Code, with lines of JSON on both sides.
pub(super) struct Claude;

impl Adapter for Claude {
    fn prepare(&self, command: &mut Command, start: &Start<'_>) {
        add_arguments(command, start);
        command.envs(environment(start));
    }

    fn read(&self, raw: &str) -> Reading {
        read::read(raw)
    }

    fn message(&self, text: &str) -> String {
        let message = json!({
            "type": "user",
            "message": {"role": "user", "content": text},
            "parent_tool_use_id": null,
            "session_id": "",
        });
        format!("{message}\n")
    }

    fn answer(&self, request: &str, raw: &str, decision: &Decision) -> String {
        let decision = match decision {
            Decision::Allow => json!({"behavior": "allow", "updatedInput": ask::input(raw)}),
            Decision::Answer { answers } => {
                json!({"behavior": "allow", "updatedInput": ask::answered(raw, answers)})
            }
            Decision::Deny { message } => json!({"behavior": "deny", "message": message}),
        };
        response(&json!({"subtype": "success", "request_id": request, "response": decision}))
    }

    fn unsupported(&self, request: &str) -> String {
        response(&json!({"subtype": "error", "request_id": request, "error": "not supported by this host"}))
    }
}

fn response(response: &Value) -> String {
    format!("{}\n", json!({"type": "control_response", "response": response}))
}

fn add_arguments(command: &mut Command, Start { request, workspace, .. }: &Start<'_>) {
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

fn environment(Start { request, relay, author, .. }: &Start<'_>) -> Vec<(&'static str, String)> {
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

#[cfg(test)]
mod tests;
