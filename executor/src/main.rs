//! `caisson-executor`: serves the backend; `caisson-executor git` is the worker it starts as the agent's uid.

use anyhow::Context;
use clap::Parser;
use executor::{Config, Executor};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Runs one coding agent inside a Caisson container.
#[derive(Parser)]
#[command(
    name = "caisson-executor",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(subcommand)]
    worker: Option<Worker>,
    #[command(flatten)]
    config: Option<Config>,
}

#[derive(clap::Subcommand)]
enum Worker {
    /// Does one git operation: the request as JSON on stdin, the answer as NDJSON on stdout.
    #[command(hide = true)]
    Git,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse() {
        Cli { worker: Some(Worker::Git), .. } => executor::worker().context("the git worker failed"),
        Cli { config: Some(config), .. } => serve(config),
        Cli { .. } => anyhow::bail!("no settings: see caisson-executor --help"),
    }
}

#[tokio::main]
async fn serve(config: Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let executor = Executor::bind(config).await?;
    tracing::info!(address = %executor.address()?, relay = %executor.relay_address()?, "executor is listening");
    let stop = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let serving = executor.serve(stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
    Ok(serving.await?)
}
