//! `caisson tasks`: lists, creates, shows and deletes tasks.

use std::{fs, path::PathBuf, process::ExitCode};

use api::{
    page::Page,
    rpc::tasks::TasksApiClient,
    task::{Step, Task, TaskSpec},
};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::Value;

use super::{
    checks::Checks,
    client::Client,
    failure::Failure,
    ids,
    output::Output,
    render::{
        line::{Line, Tone},
        text,
    },
    table::{facts, table},
};

/// What to do with tasks. A TASK is a name, a whole id, or the end or the beginning of a newer id.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lists tasks, newest first.
    Ls,
    /// Stores a task.
    Create(Create),
    /// Shows one task.
    Show { task: String },
    /// Lets a task's runs to come reach one more host.
    Allow {
        task: String,
        /// As in a task's `egress`: `example.org`, `*.example.org`, `host:port`, an address, a network, `tool:npm`.
        host: String,
    },
    /// Deletes a task; one that has runs is archived instead.
    Delete { task: String },
}

/// A task: from a file, or from its steps.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("from").required(true))]
pub(super) struct Create {
    /// A JSON file with the parameters of `tasks.create`: name, steps, and what else differs from the defaults.
    #[arg(long, group = "from", value_name = "FILE", conflicts_with_all = ["checks", "clean_checks"])]
    file: Option<PathBuf>,
    /// The task's name.
    #[arg(long, group = "from", requires = "steps")]
    name: Option<String>,
    /// The instructions of a step; repeat for more steps.
    #[arg(long = "step", conflicts_with = "file", value_name = "TEXT")]
    steps: Vec<String>,
    #[command(flatten)]
    checks: Checks,
}

/// Does it.
pub(super) async fn run(client: &Client, verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Ls => output.answer(&all(client).await?, |tasks| list(tasks))?,
        Verb::Create(wanted) => output.answer(&create(client, wanted.spec()?).await?, head)?,
        Verb::Show { task } => {
            let id = ids::task(client, &task).await?;
            output.answer(&TasksApiClient::by_id(&client.rpc, id).await?, details)?;
        }
        Verb::Allow { task, host } => {
            let id = ids::task(client, &task).await?;
            output.answer(&TasksApiClient::allow(&client.rpc, id, host, None).await?, details)?;
        }
        Verb::Delete { task } => {
            let id = ids::task(client, &task).await?;
            output.answer(&TasksApiClient::delete(&client.rpc, id).await?, head)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Create {
    fn spec(self) -> Result<TaskSpec, Failure> {
        if let Some(path) = self.file {
            let text = fs::read_to_string(&path)
                .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?;
            return parse(&text).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())));
        }
        let steps = self.steps.into_iter().map(|instructions| Step { instructions, checks: Vec::new() });
        let mut steps: Vec<Step> = steps.collect();
        if let Some(last) = steps.last_mut() {
            last.checks = self.checks.wire();
        }
        Ok(TaskSpec::new(self.name.unwrap_or_default(), steps))
    }
}

/// A task file: what it leaves out takes the default, what no task has is named.
fn parse(text: &str) -> Result<TaskSpec, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    let Value::Object(file) = serde_json::from_str(text).map_err(wrong)? else {
        return Err("a task is an object with `name` and `steps`".to_owned());
    };
    let defaults = serde_json::to_value(TaskSpec::new("", Vec::new())).map_err(wrong)?;
    let Value::Object(mut spec) = defaults else { return Err("tasks have no fields".to_owned()) };
    for needed in ["name", "steps"] {
        if !file.contains_key(needed) {
            return Err(format!("`{needed}` is missing"));
        }
    }
    for (field, value) in file {
        let Some(known) = spec.get_mut(&field) else { return Err(format!("no task has a field `{field}`")) };
        // `null` asks for the default, as it does on the wire.
        if !value.is_null() {
            *known = value;
        }
    }
    serde_json::from_value(Value::Object(spec)).map_err(wrong)
}

/// Stores a task.
pub(super) async fn create(client: &Client, spec: TaskSpec) -> Result<Task, Failure> {
    let TaskSpec { name, description, steps, agent, model, permission_profile, budget_usd, .. } = spec;
    let created = TasksApiClient::create(
        &client.rpc,
        name,
        steps,
        Some(description),
        Some(agent),
        model,
        Some(permission_profile),
        budget_usd,
        Some(spec.timeout_seconds),
        Some(spec.step_timeout_seconds),
        Some(spec.egress),
        Some(spec.env),
        spec.output_schema,
        spec.max_turns,
        spec.image,
        Some(spec.models),
        Some(spec.repository_settings),
        Some(spec.submodules),
    );
    Ok(created.await?)
}

async fn all(client: &Client) -> Result<Vec<Task>, Failure> {
    let mut tasks = Vec::new();
    let mut cursor = None;
    loop {
        let Page { items, next } = TasksApiClient::list(&client.rpc, None, cursor, Some(ids::NEWEST)).await?;
        tasks.extend(items);
        if next.is_none() {
            return Ok(tasks);
        }
        cursor = next;
    }
}

fn head(task: &Task) -> Vec<Line> {
    let line = Line::flush().span(Tone::Plain, "task ").span(Tone::Accent, task.id.to_string());
    let archived = if task.archived_at.is_some() { ", archived: it has runs" } else { "" };
    vec![line.span(Tone::Plain, format!("  {}{archived}", task.spec.name))]
}

fn list(tasks: &[Task]) -> Vec<Line> {
    let row = |task: &Task| {
        let checks: usize = task.spec.steps.iter().map(|step| step.checks.len()).sum();
        [
            ids::short(task.id).into(),
            task.spec.steps.len().to_string().into(),
            checks.to_string().into(),
            task.created_at.strftime("%Y-%m-%d %H:%M").to_string().into(),
            task.spec.name.as_str().into(),
        ]
    };
    let heads = ["ID", "STEPS", "CHECKS", "CREATED (UTC)", "NAME"];
    table(heads, tasks.iter().map(row).collect(), "no tasks; make one with `caisson tasks create`")
}

fn details(task: &Task) -> Vec<Line> {
    let spec = &task.spec;
    let mut lines = facts([
        ("id", Some(task.id.to_string())),
        ("name", Some(spec.name.clone())),
        ("version", Some(task.version.to_string())),
        ("description", Some(spec.description.clone()).filter(|text| !text.is_empty())),
        ("model", spec.model.clone()),
        ("may", Some(api::run::wire_name(&spec.permission_profile))),
        ("budget", spec.budget_usd.map(|usd| format!("${usd:.2}"))),
        ("timeout", Some(text::duration(spec.timeout_seconds.saturating_mul(1000)))),
        ("step timeout", Some(text::duration(spec.step_timeout_seconds.saturating_mul(1000)))),
        ("egress", Some(spec.egress.join(", ")).filter(|hosts| !hosts.is_empty())),
    ]);
    for (step, number) in spec.steps.iter().zip(1..) {
        lines.push(Line::flush());
        lines.push(Line::flush().span(Tone::Bold, format!("step {number}")));
        lines.extend(
            text::lines(&step.instructions).map(|row| Line::flush().indented(2).span(Tone::Plain, row)),
        );
        lines.extend(step.checks.iter().map(|check| {
            let expect =
                check.expect.as_deref().map(|expect| format!("  expects /{expect}/")).unwrap_or_default();
            let clean = if check.clean { "  in a clean checkout" } else { "" };
            Line::flush().indented(2).span(Tone::Accent, format!("check  {}{expect}{clean}", check.run))
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use api::task::Check;

    use super::*;

    #[test]
    fn a_task_file_needs_only_a_name_and_steps() {
        let spec = parse(r#"{"name": "n", "steps": [{"instructions": "do it", "checks": ["true"]}]}"#);
        let spec = spec.expect("a task");
        assert_eq!(spec.steps[0].checks, [Check::from("true")]);
        assert_eq!(TaskSpec { steps: Vec::new(), ..spec }, TaskSpec::new("n", Vec::new()));
    }

    #[test]
    fn a_task_file_that_is_wrong_says_where() {
        let why = |text: &str| parse(text).expect_err("wrong");
        assert!(why(r#"{"name": "n"}"#).contains("`steps` is missing"));
        assert!(why(r#"{"name": "n", "steps": [], "modle": "x"}"#).contains("`modle`"));
        assert!(why(r#"{"name": 1, "steps": []}"#).contains("string"));
        assert!(why("[]").contains("object"));
    }
}
