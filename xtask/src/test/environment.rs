//! What the tests must know about this machine: variables of their environment. `cargo xtask env` prints them for a
//! shell, so that a plain `cargo test` finds what `cargo xtask test` gives it.

use std::{io::Write, path::Path};

use anyhow::{Context, Result};

use super::postgres;
use crate::{
    image,
    machine::{self, Need},
    run, web,
};

/// Where a PostgreSQL server answers, with the right to create databases.
pub(crate) const POSTGRES: &str = "CAISSON_TEST_POSTGRES";
/// The name of the executor's image.
pub(crate) const IMAGE: &str = "CAISSON_TEST_IMAGE";
/// The path of the agent's program, for tests that run it without a container.
pub(crate) const CLAUDE: &str = "CAISSON_TEST_CLAUDE";
/// Set where a test must fail if it would have to leave something out, because a database server is missing.
pub(crate) const COMPLETE: &str = "CAISSON_TEST_COMPLETE";

/// What to do.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Stops the database server that an earlier call started, and prints nothing
    #[arg(long)]
    stop: bool,
}

/// Installs and builds what the tests need, starts a database server that stays, and prints the exports. Progress goes
/// to standard error.
///
/// # Errors
/// When something is missing and cannot be installed or built, or the database server does not start or stop.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let note = run::target_folder()?.join("test-postgres");
    if options.stop {
        return postgres::stop_kept(&note);
    }
    let mut shell = run::divert_stdout()?;
    machine::ensure(&Need::ALL)?;
    web::build(root)?;
    image::ensure(root)?;
    let agent = image::agent()?;
    let agent = agent.to_str().context("the path of the target folder is not UTF-8")?;
    let database = postgres::kept(&note).context("no PostgreSQL for the tests")?;
    for (name, value) in [(POSTGRES, database.as_str()), (IMAGE, image::TAG), (CLAUDE, agent)] {
        writeln!(shell, "{}", export(name, value)).context("the exports cannot be printed")?;
    }
    eprintln!("PostgreSQL for tests runs until `cargo xtask env --stop`");
    Ok(())
}

/// The line that a POSIX shell understands, whatever the value.
fn export(name: &str, value: &str) -> String {
    format!("export {name}='{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_the_value_that_was_meant() {
        for value in ["plain", "with space", "it's $HOME `x` \"y\""] {
            let script = format!("{}; printf %s \"$NAME\"", export("NAME", value));
            assert_eq!(run::output(Command::new("sh").args(["-c", &script])).unwrap(), value);
        }
    }
}
