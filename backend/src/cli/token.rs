//! `caisson token` and `caisson migrate`: work on the database itself, on the server's own machine.

use std::{process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    failure::Failure,
    output::Output,
    render::line::{Line, Tone},
};
use crate::{auth, config::Serve, store::Store, tasks::Tasks};

/// How long the store may take to close.
const GRACE: Duration = Duration::from_secs(10);

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Makes a token and shows it, this once.
    New(Box<New>),
}

/// A new token.
#[derive(Debug, Args)]
pub(super) struct New {
    /// What it is for.
    #[arg(long)]
    name: String,
    /// The server's settings; those of the data folder and the database matter.
    #[command(flatten)]
    serve: Serve,
}

/// The database to bring up to date.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// The server's settings; those of the data folder and the database matter.
    #[command(flatten)]
    serve: Serve,
}

/// Does it.
pub(super) async fn run(verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    let Verb::New(wanted) = verb;
    let New { name, serve } = *wanted;
    if name.trim().is_empty() {
        return Err(Failure::Usage("--name is blank: say what the token is for".to_owned()));
    }
    let tasks = Tasks::default();
    let store = open(serve, &tasks).await?;
    let made = auth::new_token(&store, &name).await;
    tasks.drain(GRACE).await;
    let token = made.map_err(|error| Failure::Local(error.to_string()))?;
    output.note("Shown only this once:");
    output.answer(&json!({ "name": name, "token": token.expose() }), |_| {
        vec![Line::flush().span(Tone::Plain, token.expose())]
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Opening the store brings its schema up to date.
pub(super) async fn migrate(wanted: Migrate, output: &Output) -> Result<ExitCode, Failure> {
    let tasks = Tasks::default();
    let opened = open(wanted.serve, &tasks).await.map(drop);
    tasks.drain(GRACE).await;
    opened?;
    output.answer(&json!({ "status": "migrated" }), |_| {
        vec![Line::flush().span(Tone::Good, "✓ ").span(Tone::Plain, "the database has this version's schema")]
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn open(serve: Serve, tasks: &Tasks) -> Result<Store, Failure> {
    let config = serve.validate().map_err(|error| Failure::Usage(error.to_string()))?;
    let store = Store::open(config.storage.database_url.expose(), tasks).await;
    store.map_err(|error| Failure::Local(error.to_string()))
}
