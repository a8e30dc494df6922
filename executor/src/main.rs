//! `caisson-executor`: serves the backend; `caisson-executor git` is the worker it starts as the agent's uid.

use anyhow::Context;
use clap::Parser;
use executor::{Config, Executor};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Runs one coding agent inside a Caisson container.
#[derive(Parser)]
#[command(name = "caisson-executor", version)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

fn main() -> anyhow::Result<()> {
    // The worker has an empty environment and takes no settings.
    if std::env::args_os().skip(1).eq(["git"]) {
        return executor::worker().context("the git worker failed");
    }
    serve(Cli::parse().config)
}

#[tokio::main]
async fn serve(config: Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
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
