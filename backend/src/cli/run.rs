//! `caisson run`: starts a run, and follows one to its end.

use std::{pin::pin, process::ExitCode, time::Duration};

use api::{
    id::{RunId, TaskId},
    rpc::runs::RunsApiClient,
    run::{Outcome, Overrides, Run, RunState},
    task::{EnvValue, Step, TaskSpec},
};
use clap::{ArgGroup, Args};
use futures::StreamExt;
use jiff::tz::TimeZone;

use super::{
    checks::Checks,
    client::Client,
    failure::{FAILED, Failure},
    follow::{self, Followed, follow},
    ids,
    output::Output,
    render::{Renderer, screen::Screen, summary::summary},
    runs, tasks,
};

/// The exit code of a process that was interrupted from the keyboard, as shells count.
pub(super) const INTERRUPTED: u8 = 130;

/// What to run, and on what.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
#[command(
    after_help = "With --follow --json: the run, its events one a line, and the run again when it has ended."
)]
pub(super) struct Start {
    /// The repository: OWNER/REPO or a URL.
    #[arg(long, value_name = "URL")]
    repo: String,
    /// A stored task: its name, its id, or a part of its id.
    #[arg(long, group = "what", value_name = "TASK", conflicts_with_all = ["checks", "clean_checks"])]
    task: Option<String>,
    /// What the agent is told; makes a task of one step, named after the first line.
    #[arg(long, group = "what", value_name = "TEXT")]
    prompt: Option<String>,
    #[command(flatten)]
    checks: Checks,
    /// The branch, tag or commit to start from.
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// The model to ask for.
    #[arg(long)]
    model: Option<String>,
    /// Which runs of the queue go first, from -100 to 100: higher before lower.
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = clap::value_parser!(i32).range(-100..=100))]
    priority: Option<i32>,
    /// How many turns the agent may take for the prompt.
    #[arg(long, value_name = "N", conflicts_with = "task")]
    max_turns: Option<u32>,
    /// A variable of the prompt's environment that is set to the value of a stored secret; may be repeated.
    #[arg(long = "secret-env", value_name = "NAME=SECRET", value_parser = secret_env, conflicts_with = "task")]
    secret_env: Vec<(String, EnvValue)>,
    /// Show what happens until the run has ended; exit code 1 unless it succeeds.
    #[arg(long, short)]
    follow: bool,
}

/// Creates the run, and follows it if that was asked for.
pub(super) async fn start(client: Client, start: Start, output: &Output) -> Result<ExitCode, Failure> {
    let task = task_of(&client, &start).await?;
    let overrides = Overrides { model: start.model, priority: start.priority, ..Overrides::default() };
    let create = RunsApiClient::create(&client.rpc, task, start.repo, start.reference, None, Some(overrides));
    let run = create.await?;
    output.answer(&run, runs::head)?;
    if !start.follow {
        return Ok(ExitCode::SUCCESS);
    }
    let ended = watch(client, &run, 0, output).await?;
    Ok(ended.map_or_else(|| ExitCode::from(INTERRUPTED), |ended| exit_code(&ended)))
}

async fn task_of(client: &Client, start: &Start) -> Result<TaskId, Failure> {
    let Some(prompt) = &start.prompt else {
        return ids::task(client, start.task.as_deref().unwrap_or_default()).await;
    };
    let step = Step { instructions: prompt.clone(), checks: start.checks.wire() };
    let name = step.title();
    let env = start.secret_env.iter().cloned().collect();
    let spec = TaskSpec { max_turns: start.max_turns, env, ..TaskSpec::new(name, vec![step]) };
    Ok(tasks::create(client, spec).await?.id)
}

/// `NAME=SECRET`: the variable, and the secret it is set to.
fn secret_env(text: &str) -> Result<(String, EnvValue), String> {
    let (variable, secret) = text.split_once('=').ok_or("write NAME=SECRET, both names")?;
    Ok((variable.to_owned(), EnvValue::Secret(secret.to_owned())))
}

/// The exit code that says how a run ended.
pub(super) fn exit_code(run: &Run) -> ExitCode {
    match run.outcome {
        Some(Outcome::Succeeded) | None => ExitCode::SUCCESS,
        Some(Outcome::Failed | Outcome::Cancelled | Outcome::Lost) => ExitCode::from(FAILED),
    }
}

/// Shows a run's events from the one after `after`, until it has ended, and answers with the run then;
/// with `None` when the person watching has had enough.
pub(super) async fn watch(
    client: Client,
    run: &Run,
    after: i64,
    output: &Output,
) -> Result<Option<Run>, Failure> {
    let server = client.server.clone();
    let mut show = Show::new(run, output);
    let mut events = pin!(follow(client, run.id, after));
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            next = events.next() => match next {
                Some(followed) => show.take(followed?)?,
                None => break,
            },
            _ = second.tick() => show.refresh()?,
            _ = tokio::signal::ctrl_c() => {
                show.leave(run.id)?;
                return Ok(None);
            }
        }
    }
    let ended = follow::after_all(&server, run.id).await?;
    show.end(&ended)?;
    Ok(Some(ended))
}

/// Prints the events of a run, in the form that was asked for.
pub(super) struct Show<'a> {
    output: &'a Output,
    screen: Screen,
    renderer: Renderer,
}

impl<'a> Show<'a> {
    /// Nothing is printed yet.
    pub(super) fn new(run: &Run, output: &'a Output) -> Self {
        let renderer = Renderer::new(&run.task, TimeZone::system());
        Self { output, screen: Screen::stdout(), renderer }
    }

    /// Prints what came.
    pub(super) fn take(&mut self, followed: Followed) -> Result<(), Failure> {
        match followed {
            Followed::Event(event) if self.output.is_json() => self.output.json_line(&event)?,
            Followed::Event(event) => self.screen.lines(&self.renderer.event(&event))?,
            Followed::Partial { text, .. } => self.renderer.partial(&text),
            Followed::Lost { next } => {
                self.screen.erase()?;
                self.output.note(&format!("connection lost, resuming from event {next}"));
            }
        }
        self.refresh()
    }

    fn refresh(&mut self) -> Result<(), Failure> {
        if self.output.is_watched() {
            self.screen.live(&self.renderer)?;
        }
        Ok(())
    }

    /// The last word on a run that has ended; on one that has not, nothing.
    pub(super) fn end(&mut self, run: &Run) -> Result<(), Failure> {
        self.screen.erase()?;
        match (self.output.is_json(), run.state) {
            (true, _) => self.output.json_line(run),
            (false, RunState::Ended) => Ok(self.screen.lines(&summary(run))?),
            (false, _) => Ok(()),
        }
    }

    fn leave(&mut self, id: RunId) -> Result<(), Failure> {
        self.screen.erase()?;
        self.output.note(&format!(
            "the run goes on; watch it with `caisson runs logs -f {id}`, stop it with `caisson runs cancel {id}`"
        ));
        Ok(())
    }
}
