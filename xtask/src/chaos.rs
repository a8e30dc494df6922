//! `cargo xtask chaos`: the storm of the end-to-end tests, for as long as one likes.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    check, image,
    machine::{self, Need},
    run,
    test::{cargo_test, postgres::Cluster},
    web,
};

/// The test that is the storm.
const TEST: &str = "chaos::whatever_is_killed_every_run_has_one_true_end_and_every_log_is_whole";

/// How long, and which.
#[derive(Args)]
pub(crate) struct Options {
    /// For how many minutes further rounds of twenty runs are begun
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// What the choices of the first round follow from; each round prints its own
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Rages until the time is over or a round fails.
///
/// # Errors
/// When something that it needs is missing and cannot be installed, or a round fails.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    machine::ensure(&Need::ALL)?;
    web::build(root)?;
    image::ensure(root)?;
    let database = Cluster::start().context("no PostgreSQL for the storm")?;
    let mut storm = cargo_test(root, &database);
    storm.args(["--features", check::FEATURES, "--test", "e2e", "--", "--nocapture", "--exact", TEST]);
    storm.env("CAISSON_CHAOS_MINUTES", options.minutes.to_string());
    storm.env("CAISSON_CHAOS_SEED", options.seed.to_string());
    run::run(&mut storm)
}
