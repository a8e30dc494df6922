//! `caisson audit`: who did what.

use std::process::ExitCode;

use api::{audit::AuditEntry, rpc::audit::AuditApiClient};
use clap::Args;

use super::{
    client::Client,
    failure::Failure,
    output::Output,
    render::line::{Line, Tone},
    table::{Cell, table},
};

/// Which entries to show.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// An action, or the beginning of one: `runs.create`, `runs.`, `login`.
    #[arg(long, value_name = "PREFIX")]
    action: Option<String>,
    /// The name of the token that was shown; `nobody` is a caller who showed none that is valid.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// How many, 1 to 500.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u32,
}

/// Shows them.
pub(super) async fn run(client: &Client, filter: Filter, output: &Output) -> Result<ExitCode, Failure> {
    let Filter { action, actor, limit } = filter;
    let page = AuditApiClient::list(&client.rpc, action, actor, None, Some(limit)).await?;
    output.answer(&page.items, |entries| list(entries))?;
    Ok(ExitCode::SUCCESS)
}

fn list(entries: &[AuditEntry]) -> Vec<Line> {
    let row = |entry: &AuditEntry| {
        let outcome = match &entry.error {
            None => Cell::toned(Tone::Good, "done"),
            Some(error) => Cell::toned(Tone::Bad, error),
        };
        [
            entry.at.strftime("%Y-%m-%d %H:%M:%S").to_string().into(),
            entry.actor.as_str().into(),
            entry.origin.as_deref().unwrap_or_default().into(),
            entry.action.as_str().into(),
            entry.target.as_deref().unwrap_or_default().into(),
            outcome,
        ]
    };
    let heads = ["AT (UTC)", "ACTOR", "FROM", "ACTION", "TARGET", "OUTCOME"];
    table(heads, entries.iter().map(row).collect(), "nothing was done yet")
}
