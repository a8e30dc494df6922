//! stub until the store is there
use super::{failure::Failure, output::Output};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Makes a token and shows it, this once.
    New {
        /// What the token is for.
        #[arg(long)]
        name: String,
    },
}

/// Which database.
#[derive(Debug, Args)]
pub(super) struct Migrate {}

pub(super) async fn run(_verb: Verb, _output: &Output) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
pub(super) async fn migrate(_migrate: Migrate, _output: &Output) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
