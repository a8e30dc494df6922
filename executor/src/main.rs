//! `caisson-executor`: serves the backend; `caisson-executor git` and the like are the workers it starts as the
//! agent's uid.

use std::os::fd::AsFd;

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
    // A worker has an empty environment and takes no settings.
    let mut arguments = std::env::args_os().skip(1);
    if let (Some(name), None) = (arguments.next(), arguments.next())
        && let Some(done) = name.to_str().and_then(executor::worker)
    {
        return done.with_context(|| format!("the {} worker failed", name.display()));
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
    let executor = match executor::gate(std::io::stdin().as_fd()) {
        Some(gate) => executor.with_gate(gate),
        None => executor,
    };
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
