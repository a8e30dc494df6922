//! `cargo xtask …`: sets up a machine, builds what cargo alone cannot, runs every test there is.
//! Each step prints a line that says which way was taken, where there is more than one.

mod bench;
mod chaos;
mod check;
mod demo;
mod engine;
mod fuzz;
mod image;
#[cfg(test)]
mod layers;
mod machine;
#[cfg(test)]
mod promises;
mod run;
mod steps;
mod test;
mod web;
mod words;

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result};
use clap::Parser;

/// The workspace's own tool.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Runs one real task on a real repository, from start to pushed branch, and goes on serving.
    Demo(demo::Options),
    /// Runs every test there is, or some, on a machine with nothing but a Rust toolchain.
    Test(test::Options),
    /// Prepares what the tests need and prints it as exports for a shell: `eval "$(cargo xtask env)"`.
    Env(test::environment::Options),
    /// Checks what needs no test: format, lints, docs, dependencies, all builds, migrations, the wire.
    Check,
    /// Measures: the time a run takes, the flow of events, the memory of an idle server.
    Bench(bench::Options),
    /// Kills and cuts everything around twenty real runs at random, again and again, from a seed.
    Chaos(chaos::Options),
    /// Gives whatever reads hostile bytes inputs that a fuzzer invents, for minutes each.
    Fuzz(fuzz::Options),
    /// Builds the browser's part into `frontend/dist`.
    Web,
    /// Builds the executor's image.
    Image,
    /// Installs everything that any of the other commands needs.
    Machine,
}

fn main() -> ExitCode {
    run_command(Command::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run_command(command: Command) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not in a workspace")?;
    match command {
        Command::Demo(options) => return demo::run(root, options),
        Command::Test(options) => return test::run(root, &options),
        Command::Env(options) => test::environment::run(root, &options)?,
        Command::Check => return check::run(root),
        Command::Bench(options) => return bench::run(root, &options),
        Command::Chaos(options) => chaos::run(root, &options)?,
        Command::Fuzz(options) => return fuzz::run(root, &options),
        Command::Web => {
            machine::ensure(&[machine::Need::Wasm])?;
            web::build(root)?;
        }
        Command::Image => image::ensure(root)?,
        Command::Machine => {
            machine::ensure(&machine::Need::ALL)?;
            engine::ensure()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
