//! A run's log for people: a fold of events into lines. No terminal, no clock, no network in here.

mod agent;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub(super) mod line;
pub(super) mod screen;
pub(super) mod summary;
pub(super) mod text;

use api::{
    Timestamp,
    event::{CheckRun, Event, EventBody, GitAction, Progress, StateChange, Verdict},
    run::{Gate, RunState, wire_name},
    task::TaskSpec,
};
use jiff::tz::TimeZone;

use self::{
    agent::Tools,
    line::{Line, Tone},
    summary::outcome_mark,
};

/// The status while the agent is at work and no tool is.
const WORKING: &str = "working";
/// How much of a failed check's output is shown; the end of it says what failed.
const CHECK_TAIL_LINES: usize = 20;
/// The characters of a commit id that people compare.
const SHORT_COMMIT: usize = 10;

/// Turns events into lines, in order; remembers what the next event needs.
pub(crate) struct Renderer {
    zone: TimeZone,
    steps: Vec<String>,
    step: Option<u32>,
    tools: Tools,
    partial: String,
    status: Option<String>,
    /// Counts what went on one after the other, so that the screen can tell for how long.
    activity: u64,
}

impl Renderer {
    /// A renderer for a run of this task that shows times in this zone.
    pub(crate) fn new(task: &TaskSpec, zone: TimeZone) -> Self {
        Self {
            zone,
            steps: task.steps.iter().map(api::task::Step::title).collect(),
            step: None,
            tools: Tools::default(),
            partial: String::new(),
            status: None,
            activity: 0,
        }
    }

    /// What is going on right now, for a line that is updated in place; `None` when nothing is.
    pub(crate) fn status(&self) -> Option<&str> {
        if self.partial.is_empty() { self.status.as_deref() } else { Some(&self.partial) }
    }

    /// Changes when something else goes on, even if the status reads the same.
    pub(crate) const fn activity(&self) -> u64 {
        self.activity
    }

    fn now(&mut self, status: Option<String>) {
        // "working" starts again with each line: what counts is how long there was none.
        if self.status != status || status.as_deref() == Some(WORKING) {
            self.activity += 1;
        }
        self.status = status;
    }

    /// Whether the status is the text the agent is writing, of which the end is of interest.
    pub(crate) fn is_writing(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Takes in tokens on their way.
    pub(crate) fn partial(&mut self, text: &str) {
        self.partial.push_str(text);
        // Only the row that is being written is shown.
        if let Some(at) = self.partial.trim_end().rfind('\n') {
            self.partial.drain(..=at);
        }
    }

    /// The lines of one event.
    pub(crate) fn event(&mut self, event: &Event) -> Vec<Line> {
        self.partial.clear();
        let mut lines = self.step_head(event);
        let before = lines.len();
        match &event.body {
            EventBody::State(change) => lines.extend(self.state(change)),
            EventBody::Progress(progress) => lines.extend(self.progress(progress)),
            EventBody::Agent(agent) => {
                lines.extend(self.tools.agent(agent, event.at));
                self.now(Some(self.tools.status()));
            }
            EventBody::Check(check) => {
                lines.extend(check_lines(check));
                self.now(Some(WORKING.to_owned()));
            }
            EventBody::Git(action) => lines.push(git_line(action)),
            EventBody::Egress(egress) => lines.push(egress_line(egress)),
            EventBody::Gate(gate) => lines.push(self.gate(gate)),
            EventBody::Notice(notice) => {
                lines.extend(labelled(Tone::Warn, &format!("! {}", notice.about), &notice.text));
            }
            EventBody::User(message) => lines.extend(labelled(Tone::Accent, "> you", &message.text)),
        }
        if before < lines.len() {
            let first = lines.remove(before);
            lines.insert(before, first.at(self.time(event.at)));
        }
        lines
    }

    fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    /// The heading of a step, when the event is the first of it.
    fn step_head(&mut self, event: &Event) -> Vec<Line> {
        let Some(step) = event.step.filter(|step| self.step != Some(*step)) else { return Vec::new() };
        self.step = Some(step);
        let title = self.steps.get(step.saturating_sub(1) as usize).map_or("", String::as_str);
        let head = format!("step {step} of {}", self.steps.len().max(step as usize));
        let head = Line::new().span(Tone::Bold, format!("── {head} ── ")).span(Tone::Bold, title);
        vec![Line::new(), head.at(self.time(event.at)).one_row()]
    }

    fn state(&mut self, change: &StateChange) -> Vec<Line> {
        let status = match change.state {
            RunState::Queued => Some("waiting for a free place"),
            RunState::Starting => Some("starting"),
            RunState::Running => Some(WORKING),
            RunState::Waiting => Some("waiting for an answer"),
            RunState::Stopping => Some("saving what was done"),
            RunState::Ended => None,
        };
        self.now(status.map(str::to_owned));
        let Some(outcome) = change.outcome else {
            let line = Line::new().span(Tone::Dim, wire_name(&change.state));
            let detail = change.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
            return vec![line.span(Tone::Dim, detail)];
        };
        let (mark, tone) = outcome_mark(outcome);
        let reason = change.reason.map(|reason| format!(" — {}", reason.words())).unwrap_or_default();
        let head =
            Line::new().span(tone, format!("{mark} {}", wire_name(&outcome))).span(Tone::Plain, reason);
        let detail = change.detail.iter().flat_map(|detail| text::lines(detail));
        let detail = detail.map(|row| Line::new().indented(2).span(Tone::Plain, row));
        std::iter::once(head).chain(detail).collect()
    }

    /// Per cent belong to the status; what is left for the log is that a phase began or is done.
    fn progress(&mut self, progress: &Progress) -> Option<Line> {
        let Progress { phase, text, percent } = progress;
        // A count is overtaken by the next one, and the heading of the step says what a step's progress does.
        let is_count = text.ends_with('%') || percent.is_some_and(|percent| percent < 100);
        if is_count {
            self.now(Some(format!("{phase}: {text}")));
        }
        let is_news = !is_count && phase != "step";
        is_news.then(|| Line::new().span(Tone::Dim, format!("{phase}  {text}")))
    }

    fn gate(&mut self, gate: &Gate) -> Line {
        let kind = wire_name(&gate.kind);
        if let Some(answer) = &gate.answer {
            self.now(None);
            return Line::new().span(Tone::Dim, format!("{kind} answered  ")).span(Tone::Plain, answer);
        }
        self.now(Some("waiting for an answer: caisson runs answer".to_owned()));
        let line = Line::new().span(Tone::Warn, format!("? {kind}  ")).span(Tone::Plain, &gate.text);
        match gate.options.as_slice() {
            [] => line,
            options => line.span(Tone::Dim, format!("  [{}]", options.join(" | "))),
        }
    }
}

fn check_lines(check: &CheckRun) -> Vec<Line> {
    let passed = check.verdict == Verdict::Passed;
    let (mark, tone) = if passed { ("✓ ", Tone::Good) } else { ("✗ ", Tone::Bad) };
    let took = text::duration(check.duration_ms);
    let attempt = if check.attempt < 2 { String::new() } else { format!(", attempt {}", check.attempt) };
    let head = Line::new()
        .span(tone, mark)
        .span(Tone::Plain, first_line(&check.run))
        .span(Tone::Dim, format!("  {took}{attempt}"));
    let why_tone = if passed { Tone::Dim } else { Tone::Bad };
    let why = check.remark().map(|why| Line::new().indented(2).span(why_tone, why));
    if passed {
        return [head].into_iter().chain(why).collect();
    }
    let output: Vec<&str> = text::lines(&check.output).collect();
    let skipped = output.len().saturating_sub(CHECK_TAIL_LINES);
    let tail = output[skipped..].iter().map(|row| Line::new().indented(4).span(Tone::Dim, row).one_row());
    [head].into_iter().chain(why).chain(tail).collect()
}

fn git_line(action: &GitAction) -> Line {
    let mark = Line::new().span(Tone::Accent, "● ");
    match action {
        GitAction::Commit { commit, summary } => mark
            .span(Tone::Plain, "commit  ")
            .span(Tone::Accent, short_commit(commit))
            .span(Tone::Plain, format!(" {summary}")),
        GitAction::Push { branch, commit, commits } => {
            let what = if *commits == 1 { "1 commit".to_owned() } else { format!("{commits} commits") };
            mark.span(Tone::Plain, "push    ")
                .span(Tone::Accent, branch)
                .span(Tone::Dim, format!("  {what}, now at {}", short_commit(commit)))
        }
        GitAction::PullRequest { url, state } => mark
            .span(Tone::Plain, "pull request  ")
            .span(Tone::Accent, url)
            .span(Tone::Dim, format!("  {state}")),
    }
}

fn egress_line(egress: &api::event::EgressEvent) -> Line {
    let port = egress.port.map(|port| format!(":{port}")).unwrap_or_default();
    let (tone, verdict) = if egress.allowed { (Tone::Dim, "allowed") } else { (Tone::Warn, "refused") };
    let times = if 1 < egress.count { format!(", {} times so far", egress.count) } else { String::new() };
    let by = egress.process.as_ref().map(|process| format!(", by {process}")).unwrap_or_default();
    Line::new()
        .span(tone, format!("network  {verdict} {}{port}{by}{times}", egress.host))
        .span(Tone::Dim, why(egress))
}

fn why(egress: &api::event::EgressEvent) -> String {
    if egress.why.is_empty() { String::new() } else { format!("  {}", egress.why) }
}

fn labelled(tone: Tone, label: &str, said: &str) -> Vec<Line> {
    let mut rows = text::lines(said);
    let head =
        Line::new().span(tone, format!("{label}  ")).span(Tone::Plain, rows.next().unwrap_or_default());
    std::iter::once(head).chain(rows.map(|row| Line::new().indented(2).span(Tone::Plain, row))).collect()
}

fn short_commit(commit: &str) -> &str {
    commit.get(..SHORT_COMMIT).unwrap_or(commit)
}

/// The first line of a command; the mark says that there is more.
fn first_line(command: &str) -> String {
    let mut rows = text::lines(command.trim());
    let first = rows.next().unwrap_or_default();
    if rows.next().is_some() { format!("{first} …") } else { first.to_owned() }
}

#[cfg(test)]
mod tests;
