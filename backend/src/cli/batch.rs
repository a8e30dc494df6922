//! `caisson batch`: one task over many repositories.

mod show;
mod targets;

use std::{path::PathBuf, process::ExitCode};

use api::{
    batch::Batch,
    id::BatchId,
    page::Page,
    rpc::batches::BatchesApiClient,
    run::{Outcome, Overrides, wire_name},
};
use clap::{ArgGroup, Args, Subcommand};

use self::show::{details, head, list, progress};
use super::{
    client::{Client, Server},
    failure::{FAILED, Failure},
    follow::Backoff,
    ids,
    output::Output,
    run::INTERRUPTED,
};

/// What to do with batches. An ID is a whole id, or the end or the beginning of one of the newest hundred.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Starts a run of a task against each of many repositories: against all, or none.
    Create(Create),
    /// Lists batches, newest first.
    Ls {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Shows one batch and the newest run against each repository.
    Show { id: String },
    /// Stops all runs of a batch; what they have done is saved first.
    Cancel { id: String },
    /// Starts those again that did not succeed, and only those.
    Retry { id: String },
    /// Follows a batch until all its runs are over; exit code 1 unless all succeeded.
    Watch { id: String },
}

/// What to run, and on what.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("on").required(true).multiple(true))]
pub(super) struct Create {
    /// A stored task: its name, its id, or a part of its id.
    #[arg(long, value_name = "TASK")]
    task: String,
    /// A file with a repository a line, `-` for standard input; blank lines and those that begin with # are
    /// skipped.
    #[arg(long, group = "on", value_name = "FILE")]
    from: Option<PathBuf>,
    /// A repository: OWNER/REPO or a URL; may be repeated, also beside --from.
    #[arg(long = "repo", group = "on", value_name = "URL")]
    repos: Vec<String>,
    /// The branch, tag or commit to start from.
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// How many of its runs may work at once.
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
    /// Begin no further run when so many have failed.
    #[arg(long, value_name = "N")]
    stop_after: Option<u32>,
    /// What all its runs together may cost, in US dollars.
    #[arg(long, value_name = "USD")]
    budget: Option<f64>,
    /// The model to ask for.
    #[arg(long)]
    model: Option<String>,
    /// Which runs of the queue go first, from -100 to 100: higher before lower.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = clap::value_parser!(i32).range(-100..=100))]
    priority: Option<i32>,
    /// The same key gives the same batch, so that a script may try again.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Follow it until all its runs are over; exit code 1 unless all succeeded.
    #[arg(long, short)]
    follow: bool,
}

/// Does it.
pub(super) async fn run(server: &Server, verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    if let Verb::Create(wanted) = verb {
        // Before anybody is asked: a list with mistakes makes nothing.
        let repositories = targets::read(wanted.from.as_deref(), &wanted.repos)?;
        return create(server.connect().await?, wanted, repositories, output).await;
    }
    let client = server.connect().await?;
    match verb {
        Verb::Ls { limit } => output.answer(&newest(&client, limit).await?, |found| list(&found.items))?,
        Verb::Show { id } => {
            let id = ids::batch(&client, &id).await?;
            output.answer(&BatchesApiClient::by_id(&client.rpc, id).await?, details)?;
        }
        Verb::Cancel { id } => {
            let id = ids::batch(&client, &id).await?;
            output.answer(&BatchesApiClient::cancel(&client.rpc, id).await?, head)?;
        }
        Verb::Retry { id } => {
            let id = ids::batch(&client, &id).await?;
            output.answer(&BatchesApiClient::retry_failed(&client.rpc, id).await?, head)?;
        }
        Verb::Watch { id } => {
            let id = ids::batch(&client, &id).await?;
            return Ok(watch(client, id, output).await?.map_or(ExitCode::SUCCESS, |over| exit_code(&over)));
        }
        Verb::Create(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(
    client: Client,
    wanted: Create,
    repositories: Vec<String>,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let task = ids::task(&client, &wanted.task).await?;
    let overrides = Overrides { model: wanted.model, priority: wanted.priority, ..Overrides::default() };
    let created = BatchesApiClient::create(
        &client.rpc,
        task,
        repositories,
        wanted.reference,
        wanted.concurrency,
        wanted.stop_after,
        wanted.budget,
        wanted.key,
        Some(overrides),
    );
    let batch = created.await?;
    output.answer(&batch, head)?;
    if !wanted.follow {
        return Ok(ExitCode::SUCCESS);
    }
    let over = watch(client, batch.id, output).await?;
    Ok(over.map_or_else(|| ExitCode::from(INTERRUPTED), |over| exit_code(&over)))
}

async fn newest(client: &Client, limit: u32) -> Result<Page<Batch>, Failure> {
    let mut found = Page { items: Vec::new(), next: None };
    loop {
        let left = limit.saturating_sub(u32::try_from(found.items.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(found);
        }
        let size = Some(left.min(ids::NEWEST));
        let page = BatchesApiClient::list(&client.rpc, None, found.next.take(), size).await?;
        found.items.extend(page.items);
        found.next = page.next;
        if found.next.is_none() {
            return Ok(found);
        }
    }
}

/// The exit code that says how a batch ended.
fn exit_code(batch: &Batch) -> ExitCode {
    let succeeded = batch.outcomes.get(&wire_name(&Outcome::Succeeded)).copied().unwrap_or_default();
    let all: u64 = batch.states.values().sum();
    if succeeded == all { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// Shows how a batch goes on until all its runs are over, over as many connections as it takes, and answers
/// with the batch then; with `None` when the person watching has had enough.
async fn watch(client: Client, id: BatchId, output: &Output) -> Result<Option<Batch>, Failure> {
    let server = client.server.clone();
    let mut connection = Some(client);
    let mut wait = Backoff::default();
    let mut said = String::new();
    loop {
        let followed = async {
            let client = match connection.take() {
                Some(client) => client,
                None => server.connect().await?,
            };
            let mut changes = BatchesApiClient::on_change(&client.rpc, id).await?;
            while let Some(batch) = changes.next().await {
                let batch: Batch = batch.map_err(|error| Failure::Protocol(error.to_string()))?;
                wait = Backoff::default();
                show(&batch, &mut said, output)?;
                if !batch.active {
                    return Ok(Some(batch));
                }
            }
            Ok::<_, Failure>(None)
        };
        let followed = tokio::select! {
            followed = followed => followed,
            _ = tokio::signal::ctrl_c() => {
                output.note(&format!(
                    "the batch goes on; watch it with `caisson batch watch {id}`, stop it with `caisson batch cancel {id}`"
                ));
                return Ok(None);
            }
        };
        match followed {
            Ok(Some(over)) => return Ok(Some(over)),
            Err(failure) if failure.is_permanent() => return Err(failure),
            Ok(None) | Err(_) => output.note("connection lost, trying again"),
        }
        tokio::time::sleep(wait.next()).await;
    }
}

fn show(batch: &Batch, said: &mut String, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.json_line(batch);
    }
    let now = progress(batch);
    if now != *said {
        *said = now;
        output.answer(batch, |_| vec![show::line(said)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
