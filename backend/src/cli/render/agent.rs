//! The agent's own lines: what it says, the tools it calls and what they answer.

use std::collections::HashMap;

use api::{
    Timestamp,
    agent::{
        AgentEvent, AgentLine, AgentLineType, PlanEntry, PlanState, Retry, ToolCall, ToolKind, ToolResult,
    },
};

use super::{
    WORKING, first_line,
    line::{Line, Tone},
    text,
};

/// How much of a tool's answer is shown; the whole of it is in the log.
const ANSWER_LINES: usize = 6;
/// An error deserves more.
const ERROR_LINES: usize = 14;
/// The tool calls that wait for their answer.
#[derive(Default)]
pub(super) struct Tools {
    open: HashMap<String, Call>,
    /// The call that was shown last: its answer needs no name.
    last: Option<String>,
    /// The model that was named last; each step begins a session, mostly with the same one.
    model: Option<String>,
}

struct Call {
    name: String,
    kind: ToolKind,
    about: String,
    since: Timestamp,
}

impl Tools {
    /// What the agent does right now.
    pub(super) fn status(&self) -> String {
        let newest = self.open.values().max_by_key(|call| call.since);
        newest.map_or_else(|| WORKING.to_owned(), |call| format!("{} {}", call.name, call.about))
    }

    /// The lines for one line of the agent.
    pub(super) fn agent(&mut self, line: &AgentLine, at: Timestamp) -> Vec<Line> {
        if line.is_unread() {
            return vec![Line::new().span(Tone::Dim, line.raw.clone()).one_row()];
        }
        line.events().flat_map(|event| self.event(event, at)).collect()
    }

    fn event(&mut self, event: &AgentEvent, at: Timestamp) -> Vec<Line> {
        let mut lines = Vec::new();
        let text = event.text.as_deref().unwrap_or_default();
        match event.r#type {
            AgentLineType::Init => {
                lines.extend(self.session(event.session.as_ref().and_then(|it| it.model.as_ref())));
            }
            AgentLineType::Text => {
                lines.extend(text::lines(text).map(|row| Line::new().span(Tone::Plain, row)));
            }
            AgentLineType::Thinking => lines.extend(thought(text)),
            AgentLineType::Result => lines.extend(stopped(event)),
            _ => {}
        }
        if let Some(call) = &event.tool {
            lines.extend(self.call(call, event.plan.as_deref(), at));
        }
        if let Some(result) = &event.result {
            lines.extend(self.answer(result, at));
        }
        lines.extend(event.retry.as_ref().map(retry));
        // What a subagent says stands below the call that started it.
        let indent = if event.parent.is_some() { 2 } else { 0 };
        lines.into_iter().map(|line| line.indented(indent)).collect()
    }

    fn session(&mut self, model: Option<&String>) -> Option<Line> {
        let model = model.filter(|model| self.model.as_ref() != Some(model))?;
        self.model = Some(model.clone());
        Some(Line::new().span(Tone::Dim, format!("session with {model}")))
    }

    fn call(&mut self, call: &ToolCall, plan: Option<&[PlanEntry]>, at: Timestamp) -> Vec<Line> {
        let (name, about) = (call.name.clone(), first_line(&call.title));
        let head =
            Line::new().span(Tone::Accent, format!("▸ {name}")).span(Tone::Plain, format!("  {about}"));
        let plan = plan.unwrap_or_default().iter().map(plan_line);
        let lines = std::iter::once(head.one_row()).chain(plan).collect();
        self.last = Some(call.id.clone());
        self.open.insert(call.id.clone(), Call { name, kind: call.kind, about, since: at });
        lines
    }

    fn answer(&mut self, result: &ToolResult, at: Timestamp) -> Vec<Line> {
        let (id, is_error) = (result.id.as_str(), !result.ok);
        let call = self.open.remove(id);
        let took = call.as_ref().map(|call| at.duration_since(call.since).as_millis());
        let took = took.and_then(|took| u64::try_from(took).ok()).map(text::duration).unwrap_or_default();
        let mut lines = Vec::new();
        // Calls side by side are answered in any order, so the answer says whose it is.
        if self.last.take().as_deref() != Some(id)
            && let Some(call) = &call
        {
            lines.push(Line::new().span(Tone::Dim, format!("◂ {}  {}", call.name, call.about)).one_row());
        }
        let (tone, most) = if is_error { (Tone::Bad, ERROR_LINES) } else { (Tone::Dim, ANSWER_LINES) };
        let code = result.exit_code.map(|code| format!("Exit code {code}"));
        let rows: Vec<&str> = code.as_deref().into_iter().chain(text::lines(&result.output)).collect();
        // What was read or written is in the repository; only how much of it is of interest.
        let is_file = call.as_ref().is_some_and(|call| matches!(call.kind, ToolKind::Read | ToolKind::Edit));
        let shown = if is_file && !is_error { 0 } else { most };
        for row in rows.iter().take(shown) {
            lines.push(Line::new().indented(2).span(tone, row).one_row());
        }
        let more = more_lines(rows.len().saturating_sub(shown), shown != 0);
        let end = if is_error { "failed after " } else { "" };
        lines.push(Line::new().indented(2).span(tone, format!("({more}{end}{took})")));
        lines
    }
}

/// Says how much is not shown: `3 more lines, `.
fn more_lines(hidden: usize, after_some: bool) -> String {
    let more = if after_some { "more " } else { "" };
    match hidden {
        0 => String::new(),
        1 => format!("1 {more}line, "),
        _ => format!("{hidden} {more}lines, "),
    }
}

fn thought(text: &str) -> Option<Line> {
    let thought = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = || Line::new().span(Tone::Dim, format!("thinking: {thought}")).one_row();
    (!thought.is_empty()).then(shown)
}

fn retry(Retry { attempt, max, delay_ms, error }: &Retry) -> Line {
    let wait = text::duration(*delay_ms);
    let said = format!("! the model: {}, try {attempt} of {max} in {wait}", error.replace('_', " "));
    Line::new().span(Tone::Warn, said)
}

/// Why a turn stopped short. A good end repeats what the agent said last; one that the executor made up has no text,
/// and the run's own end says more.
fn stopped(event: &AgentEvent) -> Vec<Line> {
    let (Some(reason), Some(said)) = (event.stop_reason.filter(|it| it.is_failure()), &event.text) else {
        return Vec::new();
    };
    let head = Line::new().span(Tone::Bad, format!("✗ the agent stopped: {}", reason.words()));
    let rows = text::lines(said).map(|row| Line::new().indented(2).span(Tone::Bad, row));
    std::iter::once(head).chain(rows).collect()
}

fn plan_line(entry: &PlanEntry) -> Line {
    let (mark, tone) = match entry.state {
        PlanState::Completed => ("☑", Tone::Dim),
        PlanState::InProgress => ("◐", Tone::Plain),
        PlanState::Pending => ("☐", Tone::Plain),
    };
    Line::new().indented(2).span(tone, format!("{mark} {}", entry.text)).one_row()
}
