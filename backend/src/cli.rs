//! The command line: what `caisson` can be told, and the exit code it answers with.

mod audit;
mod batch;
mod checks;
mod client;
mod doctor;
mod failure;
mod follow;
mod ids;
mod image;
mod instances;
mod output;
mod render;
mod run;
mod runs;
mod secrets;
mod table;
mod tasks;
mod token;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

#[cfg(any(test, feature = "fuzz"))]
pub use self::render::fuzz;
use self::{client::Server, failure::Failure, output::Output};

/// Runs coding agents in the background, each in its own firewalled container.
#[derive(Debug, Parser)]
#[command(name = "caisson", version, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 the run failed, 2 usage, 3 server unreachable, 4 refused.";

/// What every command that talks to a server needs.
#[derive(Debug, Args)]
struct Global {
    /// Where the server is.
    #[arg(
        long,
        global = true,
        env = "CAISSON_SERVER",
        default_value = "http://127.0.0.1:7334",
        value_name = "URL"
    )]
    server: String,
    /// The token to sign in with. Prefer the environment or a file: other users can read command lines.
    #[arg(long, global = true, env = "CAISSON_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file that holds the token.
    #[arg(long, global = true, env = "CAISSON_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Write JSON to standard output and nothing else: one value, or one a line for streams.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the RPC, the REST interface and the web UI, and works off the queue.
    Serve(Box<crate::config::Serve>),
    /// Starts a run of a task, or of a prompt, against a repository.
    Run(run::Start),
    /// Lists, shows, follows, answers and stops runs.
    #[command(subcommand)]
    Runs(runs::Verb),
    /// Starts, follows, stops and repeats runs of one task against many repositories.
    #[command(subcommand)]
    Batch(batch::Verb),
    /// Lists, creates and deletes tasks.
    #[command(subcommand)]
    Tasks(tasks::Verb),
    /// Lists and removes the containers runs work in.
    #[command(subcommand)]
    Instances(instances::Verb),
    /// Stores, lists and deletes the secrets that runs are given by name.
    #[command(subcommand)]
    Secrets(secrets::Verb),
    /// Shows who did what, newest first.
    Audit(audit::Filter),
    /// Checks the server and everything it needs, and says what to do.
    Doctor,
    /// Builds the container image runs work in.
    #[command(subcommand)]
    Image(image::Verb),
    /// Makes tokens to sign in with, on the server's own machine.
    #[command(subcommand)]
    Token(token::Verb),
    /// Brings the database to this version's schema and ends.
    Migrate(Box<token::Migrate>),
}

/// Reads the command line, does what it says and answers with the exit code.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are "errors" too; they go to standard output with code 0.
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(failure::USAGE);
            return error.print().map_or(ExitCode::FAILURE, |()| ExitCode::from(code));
        }
    };
    let output = Output::new(cli.global.json);
    match cli.dispatch(&output).await {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

impl Cli {
    async fn dispatch(self, output: &Output) -> Result<ExitCode, Failure> {
        let server = || Server::new(&self.global.server, self.global.token.clone(), &self.global.token_file);
        match self.command {
            Command::Serve(config) => crate::serve(*config).await.map_err(Failure::serve),
            Command::Run(start) => run::start(server()?.connect().await?, start, output).await,
            Command::Runs(verb) => runs::run(server()?.connect().await?, verb, output).await,
            Command::Batch(verb) => batch::run(&server()?, verb, output).await,
            Command::Tasks(verb) => tasks::run(&server()?.connect().await?, verb, output).await,
            Command::Instances(verb) => instances::run(&server()?.connect().await?, verb, output).await,
            Command::Secrets(verb) => secrets::run(&server()?, verb, output).await,
            Command::Audit(filter) => audit::run(&server()?.connect().await?, filter, output).await,
            Command::Doctor => doctor::run(&server()?, output).await,
            Command::Image(verb) => image::run(verb, output).await,
            Command::Token(verb) => token::run(verb, output).await,
            Command::Migrate(migrate) => token::migrate(*migrate, output).await,
        }
    }
}

#[cfg(test)]
mod tests;
