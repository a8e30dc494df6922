//! `caisson instances`: lists, shows, opens and removes the containers runs work in.

use std::process::ExitCode;

use api::{
    id::InstanceId,
    instance::{Egress, Instance},
    page::Page,
    rpc::{instances::InstancesApiClient, runs::RunsApiClient, tasks::TasksApiClient},
    run::wire_name,
};
use clap::Subcommand;

use super::{
    client::Client,
    failure::Failure,
    ids,
    output::Output,
    render::line::{Line, Tone},
    table::{facts, table},
};

const MIB: u64 = 1024 * 1024;

/// What to do with instances. An ID is a whole id, or the end or the beginning of one of the newest hundred.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lists the instances that live, newest first.
    Ls {
        /// Those that are gone, too.
        #[arg(long)]
        all: bool,
    },
    /// Shows an instance: what it may reach and what it was refused.
    Show { id: String },
    /// Lets an instance reach one more host, from now on.
    Allow {
        id: String,
        /// As in a task's `egress`: `example.org`, `*.example.org`, `host:port`, an address, a network, `tool:npm`.
        host: String,
        /// Allow it in the task as well, for its runs to come.
        #[arg(long)]
        task: bool,
    },
    /// Stops and removes an instance; its run, if any, ends `cancelled` with its work saved.
    Remove { id: String },
}

/// Does it.
pub(super) async fn run(client: &Client, verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Ls { all } => output.answer(&find(client, all).await?, |found| list(found))?,
        Verb::Show { id } => {
            let id = ids::instance(client, &id).await?;
            output.answer(&InstancesApiClient::get(&client.rpc, id).await?, show)?;
        }
        Verb::Allow { id, host, task } => {
            let id = ids::instance(client, &id).await?;
            let egress = InstancesApiClient::allow(&client.rpc, id, host.clone(), None).await?;
            if task {
                allow_in_task(client, id, host).await?;
            }
            output.answer(&egress, reaches)?;
        }
        Verb::Remove { id } => {
            let id = ids::instance(client, &id).await?;
            let removed = InstancesApiClient::remove(&client.rpc, id).await?;
            output.answer(&removed, |removed| {
                vec![Line::flush().span(Tone::Plain, format!("instance {id} {}", removed.status))]
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Those that live are all among the newest, so one page is enough for them.
async fn find(client: &Client, all: bool) -> Result<Vec<Instance>, Failure> {
    let Page { mut items, .. } = InstancesApiClient::list(&client.rpc, None, None, Some(ids::NEWEST)).await?;
    items.retain(|instance| all || !instance.state.is_over());
    Ok(items)
}

fn list(instances: &[Instance]) -> Vec<Line> {
    let row = |instance: &Instance| {
        let used = instance.memory_bytes.map(|bytes| format!("{} of ", bytes / MIB)).unwrap_or_default();
        let refused: u64 = instance.egress.denied.iter().map(|denied| denied.count).sum();
        [
            ids::short(instance.id).into(),
            wire_name(&instance.state).into(),
            ids::short(instance.run_id).into(),
            instance.cpu_percent.map(|cpu| format!("{cpu:.0} %")).unwrap_or_default().into(),
            format!("{used}{} MiB", instance.memory_limit_bytes / MIB).into(),
            refused.to_string().into(),
            instance.created_at.strftime("%Y-%m-%d %H:%M").to_string().into(),
            instance.image.as_str().into(),
        ]
    };
    let heads = ["ID", "STATE", "RUN", "CPU", "MEMORY", "REFUSED", "CREATED (UTC)", "IMAGE"];
    table(heads, instances.iter().map(row).collect(), "no instances")
}

/// Adds a host to the task of an instance's run, for its runs to come.
async fn allow_in_task(client: &Client, id: InstanceId, host: String) -> Result<(), Failure> {
    let instance = InstancesApiClient::get(&client.rpc, id).await?;
    let run = RunsApiClient::by_id(&client.rpc, instance.run_id).await?;
    TasksApiClient::allow(&client.rpc, run.task_id, host, None).await?;
    Ok(())
}

fn show(instance: &Instance) -> Vec<Line> {
    let mut lines = facts([
        ("instance", Some(instance.id.to_string())),
        ("run", Some(instance.run_id.to_string())),
        ("state", Some(wire_name(&instance.state))),
        ("image", Some(instance.image.clone())),
        ("container", instance.container_id.clone()),
    ]);
    lines.extend(reaches(&instance.egress));
    lines
}

fn reaches(egress: &Egress) -> Vec<Line> {
    let mut lines = Vec::new();
    for host in &egress.allowed {
        lines.push(Line::flush().span(Tone::Good, "reaches   ").span(Tone::Plain, host));
    }
    for denied in &egress.denied {
        let port = denied.port.map(|port| format!(":{port}")).unwrap_or_default();
        let by = denied.process.as_ref().map(|process| format!(", by {process}")).unwrap_or_default();
        let what = format!("{}{port}, {} times{by}", denied.host, denied.count);
        lines.push(Line::flush().span(Tone::Warn, "refused   ").span(Tone::Plain, what));
        lines.push(Line::flush().span(Tone::Dim, format!("          {}", denied.why)));
    }
    if lines.is_empty() {
        lines.push(
            Line::flush()
                .span(Tone::Dim, "reaches nothing but its model and its repository, and tried nothing else"),
        );
    }
    lines
}
