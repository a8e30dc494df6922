//! `caisson runs`: lists, shows, follows, answers, stops and repeats runs.

mod fetch;
mod work;

use std::process::ExitCode;

use api::{
    event::Event,
    id::RunId,
    page::Page,
    rpc::runs::RunsApiClient,
    run::{Run, RunState, wire_name},
};
use clap::Subcommand;
use uuid::Uuid;

use super::{
    client::Client,
    failure::Failure,
    follow::Followed,
    ids,
    output::Output,
    render::{
        line::{Line, Tone},
        summary, text,
    },
    run::{self, Show},
    table::{Cell, facts, table},
};

/// What to do with runs. An ID is a whole id, or the end or the beginning of one of the newest hundred.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lists runs, newest first.
    Ls {
        /// Only those in this state.
        #[arg(long, value_parser = parse_state)]
        state: Option<RunState>,
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Shows one run.
    Show { id: String },
    /// Prints a run's log; exit code 1 when it did not succeed.
    Logs {
        id: String,
        /// Go on until the run has ended.
        #[arg(long, short)]
        follow: bool,
        /// Begin after the event of this number.
        #[arg(long, default_value_t = 0, value_name = "N")]
        after: i64,
    },
    /// Stops a run; what it has done is saved first.
    Cancel { id: String },
    /// Starts the same again, as a new run.
    Retry { id: String },
    /// Says something to the agent of a run: at once while it works, else when it works next.
    Send { id: String, text: String },
    /// Answers what a run waits for. Approval: `allow`, or why not. Budget: the new limit in US dollars, or
    /// `stop`. A question: anything.
    Answer {
        id: String,
        /// The answer; before it the gate's id, unless it is the gate the run waits for now.
        #[arg(required = true, num_args = 1..=2, value_name = "[GATE] ANSWER", allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Prints what a run has changed, as a patch.
    Diff { id: String },
    /// Prints all events of a run so far, one JSON object a line.
    Log { id: String },
    /// Prints what is kept of a run under a name; `caisson runs show ID` lists the names.
    Artifact { id: String, name: String },
}

/// Does it.
pub(super) async fn run(client: Client, verb: Verb, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Ls { state, limit } => {
            let found = newest(&client, state, limit).await?;
            output.answer(&found, |found| list(&found.items))?;
        }
        Verb::Show { id } => {
            let id = ids::run(&client, &id).await?;
            output.answer(&RunsApiClient::by_id(&client.rpc, id).await?, details)?;
        }
        Verb::Logs { id, follow, after } => {
            let id = ids::run(&client, &id).await?;
            let run = RunsApiClient::by_id(&client.rpc, id).await?;
            return logs(client, &run, after, follow, output).await;
        }
        Verb::Cancel { id } => {
            let id = ids::run(&client, &id).await?;
            output.answer(&RunsApiClient::cancel(&client.rpc, id).await?, head)?;
        }
        Verb::Retry { id } => {
            let id = ids::run(&client, &id).await?;
            output.answer(&RunsApiClient::retry(&client.rpc, id).await?, head)?;
        }
        Verb::Send { id, text } => {
            let id = ids::run(&client, &id).await?;
            output.answer(&RunsApiClient::send(&client.rpc, id, text).await?, head)?;
        }
        Verb::Answer { id, words } => {
            let id = ids::run(&client, &id).await?;
            let (gate, text) = answer(&client, id, words).await?;
            output.answer(&RunsApiClient::answer(&client.rpc, id, gate, text).await?, head)?;
        }
        Verb::Diff { id } => fetch::diff(&client, ids::run(&client, &id).await?, output).await?,
        Verb::Log { id } => fetch::log(&client, ids::run(&client, &id).await?, output).await?,
        Verb::Artifact { id, name } => {
            fetch::artifact(&client, ids::run(&client, &id).await?, &name, output).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The gate that is meant and the answer to it.
async fn answer(client: &Client, id: RunId, words: Vec<String>) -> Result<(Uuid, String), Failure> {
    match <[String; 2]>::try_from(words) {
        Ok([gate, text]) => {
            let wrong =
                |_| Failure::Usage(format!("{gate} is no gate's id; quote an answer of several words"));
            Ok((gate.parse().map_err(wrong)?, text))
        }
        Err(words) => {
            let run = RunsApiClient::by_id(&client.rpc, id).await?;
            let gate = run.gate.ok_or_else(|| Failure::NotFound(format!("run {id} waits for no answer")))?;
            Ok((gate.id, words.concat()))
        }
    }
}

fn parse_state(name: &str) -> Result<RunState, String> {
    RunState::ALL.into_iter().find(|state| wire_name(state) == name).ok_or_else(|| {
        format!("a state is one of {}", RunState::ALL.map(|state| wire_name(&state)).join(", "))
    })
}

/// Reads pages until there are enough; `next` says where the rest begins.
async fn newest(client: &Client, state: Option<RunState>, limit: u32) -> Result<Page<Run>, Failure> {
    let mut found = Page { items: Vec::new(), next: None };
    loop {
        let left = limit.saturating_sub(u32::try_from(found.items.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(found);
        }
        let size = Some(left.min(ids::NEWEST));
        let page =
            RunsApiClient::list(&client.rpc, None, None, state, None, None, found.next.take(), size).await?;
        found.items.extend(page.items);
        found.next = page.next;
        if found.next.is_none() {
            return Ok(found);
        }
    }
}

async fn logs(
    client: Client,
    run: &Run,
    after: i64,
    follow: bool,
    output: &Output,
) -> Result<ExitCode, Failure> {
    if follow {
        let ended = run::watch(client, run, after, output).await?;
        return Ok(ended.map_or(ExitCode::SUCCESS, |ended| run::exit_code(&ended)));
    }
    let mut show = Show::new(run, output);
    let mut after = after;
    loop {
        let page = RunsApiClient::messages(&client.rpc, run.id, Some(after), Some(ids::NEWEST)).await?;
        let Some(Event { seq, .. }) = page.items.last() else { break };
        after = *seq;
        for event in page.items {
            show.take(Followed::Event(event))?;
        }
    }
    show.end(&RunsApiClient::by_id(&client.rpc, run.id).await?)?;
    Ok(run::exit_code(run))
}

/// A run in one line: what `run`, `cancel` and `retry` answer with.
pub(super) fn head(run: &Run) -> Vec<Line> {
    let line = Line::flush().span(Tone::Plain, "run ").span(Tone::Accent, run.id.to_string());
    let what = format!("  {} on {}: {}", run.task.name, run.repository, state_of(run));
    vec![line.span(Tone::Plain, what)]
}

fn state_of(run: &Run) -> String {
    run.outcome.map_or_else(|| wire_name(&run.state), |outcome| wire_name(&outcome))
}

fn list(runs: &[Run]) -> Vec<Line> {
    let row = |run: &Run| {
        let tone = run.outcome.map_or(Tone::Accent, |outcome| summary::outcome_mark(outcome).1);
        let reason = run.reason.map(api::run::Reason::words).unwrap_or_default();
        [
            ids::short(run.id).into(),
            Cell::toned(tone, state_of(run)),
            reason.into(),
            summary::cost(run.cost).into(),
            run.created_at.strftime("%Y-%m-%d %H:%M").to_string().into(),
            run.repository.as_str().into(),
            run.task.name.as_str().into(),
        ]
    };
    let heads = ["ID", "STATE", "REASON", "COST", "CREATED (UTC)", "REPOSITORY", "TASK"];
    table(
        heads,
        runs.iter().map(row).collect(),
        "no runs; start one with `caisson run --repo URL --prompt TEXT`",
    )
}

fn details(run: &Run) -> Vec<Line> {
    let time = |at: api::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let steps = run.task.steps.len();
    let known = [
        ("id", Some(run.id.to_string())),
        ("task", Some(format!("{} ({})", run.task.name, run.task_id))),
        ("repository", Some(run.repository.clone())),
        ("ref", run.r#ref.clone()),
        ("base commit", run.base_commit.clone()),
        ("state", Some(wire_name(&run.state))),
        ("outcome", run.outcome.map(|outcome| wire_name(&outcome))),
        ("reason", run.reason.map(api::run::Reason::words)),
        ("detail", run.detail.clone()),
        ("waits for", run.gate.as_ref().map(|gate| format!("{}: {}", wire_name(&gate.kind), gate.text))),
        ("step", Some(format!("{} of {steps}, attempt {}", run.step, run.attempt)).filter(|_| run.step != 0)),
        ("model", run.model.clone()),
        ("instance", run.instance_id.map(|id| id.to_string())),
        ("retry of", run.retry_of.map(|id| id.to_string())),
        ("created", Some(time(run.created_at))),
        ("started", run.started_at.map(time)),
        ("ended", run.ended_at.map(time)),
        ("events", Some(text::count(run.last_seq))),
    ];
    let mut lines = facts(known.into_iter().chain(summary::results(run)));
    lines.extend(work::lines(run));
    lines
}
