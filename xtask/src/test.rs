//! `cargo xtask test`: every test there is, or some, on a machine with nothing but a Rust toolchain.
//!
//! All test programs but the browser's are built by cargo calls without `--package`: such a call
//! resolves features for the whole workspace, so that each dependency is compiled once and not once
//! for every choice of packages.

use std::{path::Path, process::Command, process::ExitCode};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Deserialize;

use crate::{
    check, image,
    machine::{self, Need},
    run,
    steps::Steps,
    test::timing::Timing,
    web,
};

pub(crate) mod environment;
pub(crate) mod postgres;
mod room;
mod timing;

/// The tests of the whole, from the browser down to the container. They run last.
const WHOLE: &str = "e2e";
/// The package that is compiled for the browser.
const BROWSER: &str = "frontend";

/// Which tests.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs the tests of one kind alone
    #[arg(long, value_enum, value_name = "KIND")]
    only: Option<Kind>,
    /// Runs only the tests with one of these texts in their names; without it and `--only` every test runs, and the
    /// format, the lints, the examples in the documentation and the benchmark's smallest form with them
    filter: Vec<String>,
}

/// A kind of tests.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Unit and integration tests of each crate but the browser's; needs no container
    Parts,
    /// Everything together: server, containers, agent, git, browser
    Whole,
    /// Unit tests of the UI's crate
    Browser,
}

impl Options {
    fn include(&self, kind: Kind) -> bool {
        self.only.is_none_or(|only| only == kind)
    }
}

/// Runs the tests; the exit code says whether all passed. The last lines are libtest's summary of the last test
/// program (of the tests of the whole, unless others were asked for), unless something failed.
///
/// # Errors
/// When something that the tests need is missing and cannot be installed.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let everything = options.only.is_none() && options.filter.is_empty();
    let needs_server = options.only != Some(Kind::Browser);
    room::say(root);
    machine::ensure(if needs_server { &Need::ALL } else { &[] })?;
    let mut steps = Steps::default();
    let mut timing = Timing::default();
    if needs_server {
        // First: the server embeds its output.
        steps.step("the browser's part", || web::build(root));
        steps.step("the executor's image", || image::ensure(root));
    }
    if everything {
        check::lints(root, &mut steps);
    }
    if options.include(Kind::Browser) {
        steps.step("tests of the browser's part", || {
            let mut tests = run::cargo(root);
            timing.run(tests.args(["test", "--package", BROWSER, "--lib"]), &options.filter)
        });
    }
    if needs_server {
        let database = postgres::Cluster::start().context("no PostgreSQL for the tests")?;
        if everything {
            steps.step("examples in the documentation", || {
                run::run(all_features(root, &database).args(["--quiet", "--doc"]))
            });
        }
        if options.include(Kind::Parts) {
            steps.step("tests of the parts", || {
                let mut tests = all_features(root, &database);
                tests.env(environment::CLAUDE, image::agent()?);
                timing.run(tests.args(["--lib", "--bins"]).args(part_arguments(root)?), &options.filter)
            });
        }
        if everything {
            steps.step("each part of the benchmark in its smallest form", || {
                run::run(all_features(root, &database).args(["--bench", "caisson", "--", "--smoke"]))
            });
        }
        if options.include(Kind::Whole) {
            steps.step("tests of the whole", || {
                timing.run(all_features(root, &database).args(["--test", WHOLE]), &options.filter)
            });
        }
    }
    if !options.filter.is_empty() {
        steps.step("the filter", || timing.ensure_some(&options.filter));
    }
    steps.print_durations();
    timing.print_slowest();
    timing.finish();
    Ok(steps.finish())
}

/// `cargo test` with what the tests must know about this machine. A snapshot that differs is a failure and no new
/// file, and a test that would leave something out fails.
pub(crate) fn cargo_test(root: &Path, database: &postgres::Cluster) -> Command {
    let mut command = run::cargo(root);
    command
        .args(["test", "--no-fail-fast"])
        .env("INSTA_UPDATE", "no")
        .env(environment::COMPLETE, "1")
        .env(environment::POSTGRES, database.url())
        .env(environment::IMAGE, image::TAG);
    command
}

/// [`cargo_test`] with the features of the tests of the whole.
fn all_features(root: &Path, database: &postgres::Cluster) -> Command {
    let mut command = cargo_test(root, database);
    command.args(["--features", check::FEATURES]);
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
