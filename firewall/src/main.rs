//! PID 1 of a container: closes the network, tries that it is closed, gives up the right to open it
//! again, and only then starts the executor. Any error ends the container before the executor starts.

mod init;
mod privilege;
mod routes;
mod rules;
mod tool;
mod verify;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

/// What the container exits with when it could not be sealed (`EX_CONFIG`).
const NOT_SEALED: u8 = 78;
const USAGE: &str = "usage: caisson-firewall -- COMMAND [ARGUMENT]…";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    run(&arguments).unwrap_or_else(|error| {
        eprintln!("firewall: {error:#}");
        ExitCode::from(NOT_SEALED)
    })
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments {
        [word] if word == verify::SUBCOMMAND => verify::from_inside().map(|()| ExitCode::SUCCESS),
        [dashes, command @ ..] if dashes == "--" && !command.is_empty() => {
            seal().context("the container's network could not be closed")?;
            init::supervise(privilege::start(command)?)
        }
        _ => bail!(USAGE),
    }
}

/// Leaves this network namespace without a way out, and this process without the right to make one.
fn seal() -> Result<()> {
    routes::delete_defaults()?;
    rules::load()?;
    privilege::give_up_net_admin()?;
    verify::as_agent()
}
