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
        "caisson run --repo a/b --prompt p --check true --check-clean false",
        "caisson --json runs ls --state running --limit 5",
        "caisson runs show 1234 --json",
        "caisson runs logs 1234 -f --after 7 --server http://other:1",
        "caisson runs cancel 1234",
        "caisson runs retry 1234",
        "caisson run --repo a/b --prompt p --priority -7 --max-turns 5",
        "caisson runs send 1234 hello",
        "caisson runs answer 1234 allow",
        "caisson runs answer 1234 019b7c1e-3a2e-7000-8000-000000000001 stop",
        "caisson runs diff 1234",
        "caisson runs log 1234",
        "caisson runs artifact 1234 changes.patch",
        "caisson batch create --task t --from repos.txt --repo a/b --repo c/d --concurrency 4 --follow",
        "caisson batch create --task t --from - --stop-after 3 --budget 2.5 --priority -5 --json",
        "caisson batch ls --limit 5",
        "caisson batch show 1234",
        "caisson batch cancel 1234",
        "caisson batch retry 1234",
        "caisson batch watch 1234 --json",
        "caisson tasks ls",
        "caisson tasks create --file task.json",
        "caisson tasks create --name n --step one --step two --check true",
        "caisson tasks create --name n --step one --check-clean true",
        "caisson tasks show n",
        "caisson tasks delete n",
        "caisson secrets set A",
        "caisson secrets set A --value-file -",
        "caisson secrets ls",
        "caisson secrets rm A",
        "caisson secrets rotate",
        "caisson audit --action runs. --actor admin --json",
        "caisson run --repo a/b --prompt p --secret-env NPM_TOKEN=npm",
        "caisson instances ls --all",
        "caisson instances remove 1234",
        "caisson doctor",
        "caisson image build --base debian --binaries bin --tag t",
        "caisson token new --name n --expires-days 30 --data-dir d",
        "caisson token list --data-dir d",
        "caisson token revoke 0123456789ab --data-dir d",
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
        ("caisson run --repo a/b --task t --check-clean true", ErrorKind::ArgumentConflict),
        ("caisson tasks create --file f --check-clean true", ErrorKind::ArgumentConflict),
        ("caisson runs ls --state flying", ErrorKind::ValueValidation),
        ("caisson run --repo a/b --task t --max-turns 5", ErrorKind::ArgumentConflict),
        ("caisson run --repo a/b --prompt p --priority 101", ErrorKind::ValueValidation),
        ("caisson runs answer 1234", ErrorKind::MissingRequiredArgument),
        ("caisson runs answer 1 2 3 4", ErrorKind::TooManyValues),
        ("caisson batch create --task t", ErrorKind::MissingRequiredArgument),
        ("caisson batch create --from f", ErrorKind::MissingRequiredArgument),
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
    for command in [
        "runs ls",
        "doctor",
        "tasks ls",
        "instances ls",
        "run --repo a/b --prompt p",
        "batch ls",
        "batch create --task t --repo a/b",
    ] {
        let line = format!("caisson --json --server http://{closed} {command}");
        let cli = parse(&line).expect("well formed");
        let output = Output::new(true);
        let code = cli.dispatch(&output).await.unwrap_or_else(|failure| failure.exit_code());
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)), "{command}");
    }
}
