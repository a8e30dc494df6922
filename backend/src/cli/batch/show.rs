//! Batches for people: in a line, in a list, in full.

use api::{
    batch::{Batch, BatchRun},
    run::{Reason, RunState, wire_name},
};

use super::super::{
    ids,
    render::{
        line::{Line, Tone},
        summary,
    },
    table::{Cell, facts, table},
};

/// A batch in one line: what `create`, `cancel` and `retry` answer with.
pub(super) fn head(batch: &Batch) -> Vec<Line> {
    let line = Line::flush().span(Tone::Plain, "batch ").span(Tone::Accent, batch.id.to_string());
    vec![line.span(Tone::Plain, format!("  {}: {}", batch.name, progress(batch)))]
}

/// A line of plain text.
pub(super) fn line(text: &str) -> Line {
    Line::flush().span(Tone::Plain, text)
}

/// How far a batch is: `3 of 10 over (2 succeeded, 1 failed), 4 running, 3 queued; $0.1234`.
pub(super) fn progress(batch: &Batch) -> String {
    let all: u64 = batch.states.values().sum();
    let ended = wire_name(&RunState::Ended);
    let over = batch.states.get(&ended).copied().unwrap_or_default();
    let outcomes: Vec<String> =
        batch.outcomes.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let outcomes = if outcomes.is_empty() { String::new() } else { format!(" ({})", outcomes.join(", ")) };
    let live = RunState::ALL.iter().rev().map(wire_name).filter(|name| *name != ended);
    let live: String = live
        .filter_map(|name| Some(format!(", {} {name}", batch.states.get(&name).filter(|count| 0 < **count)?)))
        .collect();
    let stopped = batch.stopped.as_ref().map(|why| format!("; stopped: {why}")).unwrap_or_default();
    format!("{over} of {all} over{outcomes}{live}; {}{stopped}", summary::cost(batch.cost))
}

/// Batches below each other.
pub(super) fn list(batches: &[Batch]) -> Vec<Line> {
    let row = |batch: &Batch| {
        let tone = if batch.active { Tone::Accent } else { Tone::Plain };
        [
            ids::short(batch.id).into(),
            batch.created_at.strftime("%Y-%m-%d %H:%M").to_string().into(),
            batch.name.as_str().into(),
            Cell::toned(tone, progress(batch)),
        ]
    };
    let empty = "no batches; start one with `caisson batch create --task NAME --from FILE`";
    table(["ID", "CREATED (UTC)", "TASK", "STATE"], batches.iter().map(row).collect(), empty)
}

/// A batch with the newest run of each target.
pub(super) fn details(batch: &Batch) -> Vec<Line> {
    let time = |at: api::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let limit = |count: Option<u32>| count.map(|count| count.to_string());
    let mut lines = facts([
        ("id", Some(batch.id.to_string())),
        ("task", Some(format!("{} ({})", batch.name, batch.task_id))),
        ("state", Some(progress(batch))),
        ("at once", limit(batch.concurrency)),
        ("stops after", limit(batch.stop_after_failures).map(|count| format!("{count} failures"))),
        ("budget", batch.budget_usd.map(|usd| format!("${usd:.2}"))),
        ("created", Some(time(batch.created_at))),
        ("ended", batch.ended_at.map(time)),
    ]);
    lines.push(Line::flush());
    let heads = ["RUN", "STATE", "REASON", "COST", "REPOSITORY", "BRANCH"];
    lines.extend(table(heads, batch.runs.iter().map(row).collect(), "no runs"));
    lines
}

fn row(run: &BatchRun) -> [Cell; 6] {
    let tone = run.outcome.map_or(Tone::Accent, |outcome| summary::outcome_mark(outcome).1);
    let state = run.outcome.map_or_else(|| wire_name(&run.state), |outcome| wire_name(&outcome));
    [
        ids::short(run.id).into(),
        Cell::toned(tone, state),
        run.reason.map(Reason::words).unwrap_or_default().into(),
        summary::cost(run.cost).into(),
        run.repository.as_str().into(),
        run.head_commit.as_ref().map_or("", |_| run.branch.as_str()).into(),
    ]
}
