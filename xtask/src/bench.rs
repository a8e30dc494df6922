//! `cargo xtask bench`: how long a run takes, how fast events flow, how much memory an idle server holds.
//! What is measured, and what came of it, is in docs/benchmarks.md.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    check, image,
    machine::{self, Need},
    run,
    test::postgres::Cluster,
};

/// Builds the server as it is shipped and prints a table, then one JSON text a line.
///
/// # Errors
/// When something that the benchmarks need is missing and cannot be installed, or they do not run.
pub(crate) fn run(root: &Path) -> Result<()> {
    machine::ensure(&[Need::Git, Need::Engine, Need::BaseImage, Need::Postgres])?;
    image::ensure(root)?;
    let database = Cluster::start().context("no PostgreSQL for the benchmarks")?;
    let mut bench = run::cargo(root);
    // Builds the `caisson` program, too, in the profile of releases.
    bench.args(["bench", "--package", "backend", "--features", check::FEATURES, "--bench", "caisson"]);
    bench.env("CAISSON_TEST_POSTGRES", database.url()).env("CAISSON_TEST_IMAGE", image::TAG);
    run::run(&mut bench)
}
