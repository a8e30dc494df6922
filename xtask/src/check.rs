//! `cargo xtask check`: everything that judges the code without an engine or a browser.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};

use crate::{
    machine::{self, Need},
    run,
    steps::Steps,
    test::{cargo_test, postgres::Cluster},
    web, words,
};

/// What the tests of the whole hide behind, so that a plain `cargo test` needs no engine and no browser.
/// All calls of cargo that test or lint name it, so that nothing is compiled with it and again without.
pub(crate) const FEATURES: &str = "backend/e2e";

const ADVISORIES: &str = "known vulnerabilities";

/// Runs all checks; the exit code says whether all passed.
///
/// # Errors
/// When a tool is missing and cannot be installed.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    machine::ensure(&[Need::Git, Need::Wasm, Need::Postgres, Need::Lints])?;
    let mut steps = Steps::default();
    // First: the server embeds its output.
    steps.step("the browser's part", || web::build(root));
    lints(root, &mut steps);
    steps.step("documentation", || {
        let mut doc = run::cargo(root);
        run::run(doc.args(["doc", "--quiet", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    steps.step("bans, licences and sources of dependencies", || {
        cargo_tool(root, "deny", &["--log-level", "error", "check", "bans", "licenses", "sources"])
    });
    steps.step(ADVISORIES, || advisories(root));
    steps.step("unused dependencies", || cargo_tool(root, "machete", &[]));
    steps.step("the host's build", || run::run(run::cargo(root).args(["build", "--quiet"])));
    let database = Cluster::start().context("no PostgreSQL for the migrations")?;
    steps.step("migrations", || run::run(cargo_test(root, &database).args(["--package", "migrations"])));
    steps.step("the wire", || {
        run::run(cargo_test(root, &database).args(["--features", FEATURES]).args(["--test", "wire"]))
    });
    drop(database);
    Ok(steps.finish())
}

/// The format and the lints, which `cargo xtask test` wants too.
pub(crate) fn lints(root: &Path, steps: &mut Steps) {
    steps.step("format", || run::run(run::cargo(root).args(["fmt", "--all", "--check"])));
    steps.step("words", || words::check(root));
    steps.step("lints", || {
        let mut clippy = run::cargo(root);
        clippy.args(["clippy", "--quiet", "--workspace", "--all-targets"]).args(["--features", FEATURES]);
        run::run(clippy.args(["--", "-D", "warnings"]))
    });
}

/// Looks for dependencies with known vulnerabilities, where the list of them can be fetched.
fn advisories(root: &Path) -> Result<()> {
    ensure_tool(root, "deny")?;
    let fetched = run::output(run::cargo(root).args(["deny", "--log-level", "error", "fetch", "db"]));
    if fetched.is_err() {
        println!("{ADVISORIES}: not looked for, because their list cannot be fetched from here");
        return Ok(());
    }
    cargo_tool(root, "deny", &["--log-level", "error", "check", "--disable-fetch", "advisories"])
}

fn cargo_tool(root: &Path, tool: &str, arguments: &[&str]) -> Result<()> {
    ensure_tool(root, tool)?;
    run::run(run::cargo(root).arg(tool).args(arguments))
}

/// Installs `cargo TOOL` if it is missing.
fn ensure_tool(root: &Path, tool: &str) -> Result<()> {
    let name = format!("cargo-{tool}");
    let installed = run::output(run::cargo(root).args([tool, "--version"]));
    if installed.is_ok() {
        return Ok(());
    }
    println!("{name} is missing; installing it, which takes minutes");
    let log = run::target_folder()?.join(format!("{name}.log"));
    let install = |more: &[&str]| {
        let mut command = run::cargo(root);
        // Not optimised: it runs for seconds and is compiled for minutes.
        command.args(["install", "--debug", &name]).args(more);
        run::logged(&mut command, &log)
    };
    // The tool's own lock file may name what a mirror does not have yet.
    install(&["--locked"]).or_else(|_| install(&[])).with_context(|| format!("{name} cannot be installed"))
}
