//! `cargo xtask demo`: one real task on a real repository, from start to pushed branch.

use std::{path::Path, process::ExitCode};

use anyhow::{Result, bail};

/// How the demo is shown.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Exit when the run has ended, instead of serving on.
    #[arg(long)]
    once: bool,
    /// Print the result as JSON in the last line.
    #[arg(long)]
    json: bool,
    /// The repository to work on; a new local one if not given.
    #[arg(long)]
    repo: Option<String>,
}

/// Runs the demo.
///
/// # Errors
/// Always, until it is written.
pub(crate) fn run(root: &Path, options: Options) -> Result<ExitCode> {
    let Options { once, json, repo } = options;
    bail!("the demo is not written yet ({}, {once}, {json}, {repo:?})", root.display());
}
