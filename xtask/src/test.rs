//! `cargo xtask test`: every test there is, on a machine with nothing but a Rust toolchain.
//!
//! All test programs but the browser's are built by cargo calls without `--package`: such a call
//! resolves features for the whole workspace, so that each dependency is compiled once and not once
//! for every choice of packages.

use std::{path::Path, process::Command, process::ExitCode};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{
    check, image,
    machine::{self, Need},
    run,
    steps::Steps,
    web,
};

pub(crate) mod postgres;
mod room;

/// The tests of the whole, from the browser down to the container. They run last.
const WHOLE: &str = "e2e";
/// The package that is compiled for the browser.
const BROWSER: &str = "frontend";

/// Runs everything; the exit code says whether all passed. The last lines are cargo's summary of the
/// tests of the whole, unless something failed.
///
/// # Errors
/// When something that the tests need is missing and cannot be installed.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    room::say(root);
    machine::ensure(&Need::ALL)?;
    let mut steps = Steps::default();
    // First: the server embeds its output.
    steps.step("the browser's part", || web::build(root));
    steps.step("the executor's image", || image::ensure(root));
    check::lints(root, &mut steps);
    steps.step("tests of the browser's part", || {
        run::run(run::cargo(root).args(["test", "--quiet", "--package", BROWSER, "--lib"]))
    });
    let database = postgres::Cluster::start().context("no PostgreSQL for the tests")?;
    steps.step("examples in the documentation", || {
        run::run(cargo_test(root, &database).args(["--features", check::FEATURES]).args(["--quiet", "--doc"]))
    });
    steps.step("tests of the parts", || {
        let mut tests = cargo_test(root, &database);
        tests.env("CAISSON_TEST_CLAUDE", image::agent()?);
        run::run(
            tests.args(["--features", check::FEATURES]).args(["--lib", "--bins"]).args(part_arguments(root)?),
        )
    });
    steps.step("each part of the benchmark in its smallest form", || {
        let mut bench = cargo_test(root, &database);
        run::run(bench.args(["--features", check::FEATURES]).args(["--bench", "caisson", "--", "--smoke"]))
    });
    steps.step("tests of the whole", || {
        run::run(cargo_test(root, &database).args(["--features", check::FEATURES]).args(["--test", WHOLE]))
    });
    drop(database);
    Ok(steps.finish())
}

/// `cargo test` with what the tests are told about this machine. A snapshot that differs is a failure
/// and no new file.
pub(crate) fn cargo_test(root: &Path, database: &postgres::Cluster) -> Command {
    let mut command = run::cargo(root);
    command
        .args(["test", "--no-fail-fast"])
        .env("INSTA_UPDATE", "no")
        .env("CAISSON_TEST_POSTGRES", database.url())
        .env("CAISSON_TEST_IMAGE", image::TAG);
    command
}

/// The arguments that choose every integration test but those of the whole, as the manifests name them.
fn part_arguments(root: &Path) -> Result<Vec<String>> {
    let metadata = run::output(run::cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata = serde_json::from_str(&metadata).context("`cargo metadata` prints something new")?;
    Ok(integration_tests(&metadata).flat_map(|name| ["--test".to_owned(), name.to_owned()]).collect())
}

/// What this program reads of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

fn integration_tests(metadata: &Metadata) -> impl Iterator<Item = &str> {
    let host = metadata.packages.iter().filter(|package| package.name != BROWSER);
    host.flat_map(|package| &package.targets)
        .filter(|target| target.kind.iter().any(|kind| kind == "test") && target.name != WHOLE)
        .map(|target| target.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integration_test_of_the_host_is_chosen_but_that_of_the_whole() {
        let metadata = serde_json::json!({"packages": [
            {"name": "backend", "targets": [
                {"name": "backend", "kind": ["lib"]},
                {"name": "it", "kind": ["test"]},
                {"name": "e2e", "kind": ["test"]},
            ]},
            {"name": "frontend", "targets": [{"name": "smoke", "kind": ["test"]}]},
        ]});
        let metadata = serde_json::from_value(metadata).unwrap();
        assert_eq!(integration_tests(&metadata).collect::<Vec<_>>(), ["it"]);
    }
}
