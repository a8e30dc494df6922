//! `caisson instances`: lists and removes the containers runs work in.

use std::process::ExitCode;

use api::{instance::Instance, page::Page, rpc::instances::InstancesApiClient, run::wire_name};
use clap::Subcommand;

use super::{
    client::Client,
    failure::Failure,
    ids,
    output::Output,
    render::line::{Line, Tone},
    table::table,
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
    /// Stops and removes an instance; its run, if any, ends `cancelled` with its work saved.
    Remove { id: String },
}

/// Does it.
pub(super) async fn run(client: &Client, verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Ls { all } => output.answer(&find(client, all).await?, |found| list(found))?,
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
