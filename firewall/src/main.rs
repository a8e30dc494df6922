//! PID 1 of a container: closes the network, tries that it is closed, gives up the right to open it
//! again, and only then starts the executor. Any error ends the container before the executor starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    firewall::seal::run(&arguments)
}
