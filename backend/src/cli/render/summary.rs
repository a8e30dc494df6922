//! The last words on a run: how it ended, what it cost and where its work is.

use api::run::{Cost, Outcome, Run};

use super::{
    line::{Line, Tone},
    text,
};

/// What is left to say when a run has ended, below its log.
pub(crate) fn summary(run: &Run) -> Vec<Line> {
    let line = |(name, value)| Line::new().span(Tone::Dim, format!("{name:<14}")).span(Tone::Plain, value);
    results(run).into_iter().filter_map(|(name, value)| Some((name, value?))).map(line).collect()
}

/// What a run took and cost and where its work is, by name.
pub(crate) fn results(run: &Run) -> [(&'static str, Option<String>); 6] {
    let usage = run.usage;
    let took = run.ended_at.map(|end| end.duration_since(run.started_at.unwrap_or(run.created_at)));
    let took = took.and_then(|took| u64::try_from(took.as_millis()).ok()).map(text::duration);
    let tokens = format!(
        "{} in, {} out, {} from the cache",
        text::count(usage.input_tokens + usage.cache_creation_tokens),
        text::count(usage.output_tokens),
        text::count(usage.cache_read_tokens),
    );
    let pull_request =
        run.pull_request.as_ref().map(|request| format!("{} ({})", request.url, request.state));
    [
        ("took", took),
        ("cost", Some(cost(run.cost))),
        ("tokens", Some(tokens)),
        ("branch", run.head_commit.is_some().then(|| run.branch.clone())),
        ("commit", run.head_commit.clone()),
        ("pull request", pull_request),
    ]
}

/// What a run has cost, in words.
pub(crate) fn cost(cost: Cost) -> String {
    match (cost.known, 0.0 < cost.usd) {
        (true, _) => format!("${:.4}", cost.usd),
        (false, true) => format!("unknown, at least ${:.4}", cost.usd),
        (false, false) => "unknown".to_owned(),
    }
}

/// The mark and the tone of an outcome.
pub(crate) const fn outcome_mark(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Succeeded => ("✓", Tone::Good),
        Outcome::Failed | Outcome::Lost => ("✗", Tone::Bad),
        Outcome::Cancelled => ("■", Tone::Warn),
    }
}
