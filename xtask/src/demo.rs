//! `cargo xtask demo`: from a fresh machine to a pushed branch, watched in the terminal.

mod alone;
mod cli;
#[cfg(test)]
mod git_server_tests;
mod report;
mod sample;
mod server;

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use testkit::git_server::GitServer;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{alone::Alone, cli::Caisson, report::Report, server::Server};
use crate::{
    image,
    machine::{self, Need},
    run, web,
};

/// What the agent is asked to do in a repository it knows nothing about.
const DEFAULT_PROMPT: &str = "Read this repository's README and try what it says, as far as that is possible here. \
     Then fix the one thing that would have helped you most, in one small commit.";

/// What `demo` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// End when the run has ended, instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Write the result to standard output as one line of JSON; everything else goes to standard error.
    #[arg(long)]
    json: bool,
    /// A repository of yours. Needs `ANTHROPIC_API_KEY` or `CLAUDE_CODE_OAUTH_TOKEN`, and
    /// `GITHUB_TOKEN` to push.
    #[arg(long, value_name = "URL")]
    repo: Option<String>,
    /// What the agent is to do in your repository.
    #[arg(long, requires = "repo", value_name = "TEXT", default_value = DEFAULT_PROMPT)]
    prompt: String,
    /// The port to serve on; another one is taken if it is in use.
    #[arg(long, default_value_t = 7334)]
    port: u16,
}

/// Prepares the machine, runs one real task and shows where to go on.
///
/// # Errors
/// When the machine lacks something that cannot be installed, a build fails or the server does not start.
pub(crate) fn run(root: &Path, options: Options) -> Result<ExitCode> {
    check(&options)?;
    let folder = data_folder()?;
    let alone = Alone::with(&folder)?;
    let answer = if options.json { Some(run::divert_stdout()?) } else { None };
    machine::ensure(&[Need::Git, Need::Wasm])?;
    image::ensure(root)?;
    web::build(root)?;
    server::build(root)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(demo(root, &folder, alone, &options, answer))
}

/// Only the real model can work on a repository it has not been scripted for.
fn check(options: &Options) -> Result<()> {
    let has_key =
        ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"].iter().any(|name| env::var_os(name).is_some());
    if options.repo.is_some() && !has_key {
        bail!("--repo needs a real model: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN and try again");
    }
    Ok(())
}

async fn demo(
    root: &Path,
    folder: &Path,
    alone: Alone,
    options: &Options,
    answer: Option<File>,
) -> Result<ExitCode> {
    let mut stop = Stop::new()?;
    let repository = sample::create(folder)?;
    // The same port each time, so that the runs of earlier demos can be tried again.
    let git = GitServer::start(sample::served(folder), options.port.wrapping_add(1))?;
    let mut server = Server::start(root, folder, alone, options.port, options.repo.is_some()).await?;
    let caisson = server.client();
    let target = options.repo.clone().unwrap_or_else(|| git.url(sample::NAME));
    let shown = tokio::select! {
        shown = show(&caisson, &target, &repository, options, answer) => shown.map(Some),
        () = stop.asked() => Ok(None),
    };
    if matches!(shown, Ok(Some(_))) && !options.once {
        tokio::select! {
            () = server.ended() => bail!("the server has ended; its log is {}", server.log.display()),
            () = stop.asked() => {}
        }
    }
    // Whatever happened, nothing stays behind. The terminal may be gone by now.
    let _ = writeln!(io::stderr(), "\nStopping.");
    let stopped = caisson.stop_all().await;
    let stopped = stopped.and(server.stop().await);
    let code = shown?.unwrap_or(ExitCode::FAILURE);
    stopped.map(|()| code)
}

/// Runs the task in front of the user and says how it went.
async fn show(
    caisson: &Caisson,
    target: &str,
    repository: &Path,
    options: &Options,
    answer: Option<File>,
) -> Result<ExitCode> {
    let run = work(caisson, target, options).await?;
    let report = Report::new(run, &caisson.address, &caisson.token);
    report.print(options.repo.is_none().then_some(repository))?;
    if let Some(mut answer) = answer {
        writeln!(answer, "{}", report.json()).context("cannot write the result")?;
    }
    if !options.once {
        println!("\nServing until Ctrl-C.");
    }
    Ok(report.exit_code())
}

/// The ways to ask a program to end. They are caught from the start, so that nothing is left behind.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Creates the run, shows it to its end, and answers with the run as it is then.
async fn work(caisson: &Caisson, repository: &str, options: &Options) -> Result<serde_json::Value> {
    println!("\nRepository: {repository}");
    let run = if options.repo.is_some() {
        caisson.json(&["run", "--repo", repository, "--prompt", &options.prompt]).await?
    } else {
        let task = caisson.task(&sample::task()).await?;
        caisson.json(&["run", "--repo", repository, "--task", &task]).await?
    };
    let id = run["id"].as_str().context("the server answered without a run")?;
    println!("$ caisson runs logs --follow {id}\n");
    caisson.show(&["runs", "logs", "--follow", id]).await?;
    caisson.json(&["runs", "show", id]).await
}

/// Where the demo keeps its database, its token and its repository: in the target folder.
fn data_folder() -> Result<PathBuf> {
    let folder = run::target_folder()?.join("demo");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
