//! The command line as a whole: what it accepts, what it refuses, and with which exit code.

use clap::{CommandFactory, error::ErrorKind};

use super::*;

fn parse(line: &str) -> Result<Cli, ErrorKind> {
    Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
}

#[test]
fn the_commands_are_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_contract_is_understood() {
    for line in [
        "caisson serve --listen 127.0.0.1:0",
        "caisson run --repo a/b --task t --ref v1 --model m --follow",
        "caisson run --repo a/b --prompt p --check true --check false",
        "caisson --json runs ls --state running --limit 5",
        "caisson runs show 1234 --json",
        "caisson runs logs 1234 -f --after 7 --server http://other:1",
        "caisson runs cancel 1234",
        "caisson runs retry 1234",
        "caisson tasks ls",
        "caisson tasks create --file task.json",
        "caisson tasks create --name n --step one --step two --check true",
        "caisson tasks show n",
        "caisson tasks delete n",
        "caisson instances ls --all",
        "caisson instances remove 1234",
        "caisson doctor",
        "caisson image build --base debian --binaries bin --tag t",
        "caisson token new --name n --data-dir d",
        "caisson migrate --database-url sqlite::memory:",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (line, kind) in [
        ("caisson", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("caisson fly", ErrorKind::InvalidSubcommand),
        ("caisson run --task t", ErrorKind::MissingRequiredArgument),
        ("caisson run --repo a/b", ErrorKind::MissingRequiredArgument),
        ("caisson run --repo a/b --task t --prompt p", ErrorKind::ArgumentConflict),
        ("caisson run --repo a/b --task t --check true", ErrorKind::ArgumentConflict),
        ("caisson runs ls --state flying", ErrorKind::ValueValidation),
        ("caisson tasks create", ErrorKind::MissingRequiredArgument),
        ("caisson tasks create --name n", ErrorKind::MissingRequiredArgument),
        ("caisson tasks create --file f --step s", ErrorKind::ArgumentConflict),
    ] {
        assert_eq!(parse(line).err(), Some(kind), "{line}");
    }
}

#[tokio::test]
async fn a_command_without_a_server_ends_with_code_3() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    for command in ["runs ls", "doctor", "tasks ls", "instances ls", "run --repo a/b --prompt p"] {
        let line = format!("caisson --json --server http://{closed} {command}");
        let cli = parse(&line).expect("well formed");
        let output = Output::new(true);
        let code = cli.dispatch(&output).await.unwrap_or_else(|failure| failure.exit_code());
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)), "{command}");
    }
}
