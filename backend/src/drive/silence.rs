//! Silence: an agent that says nothing is told about, with what is known of it. It is never killed for it.

use std::time::Duration;

use api::event::{Event, EventBody};
use tokio::time::Instant;

use super::{Driver, Halt};
use crate::{agent::Agent, store::PageLimit};

/// How many of the newest events are searched for open tool calls.
const SEARCHED: u32 = 200;

/// Measures how long an agent has said nothing; each notice comes after twice the time of the one before.
pub(super) struct Silence {
    since: Instant,
    first: Duration,
    next: Duration,
}

impl Silence {
    pub(super) fn new(first: Duration) -> Self {
        Self { since: Instant::now(), first, next: first }
    }

    /// The agent has said something.
    pub(super) fn broken(&mut self) {
        *self = Self::new(self.first);
    }

    /// Resolves when it is time for the next notice, with how long nothing was said.
    pub(super) async fn lasts(&mut self) -> Duration {
        tokio::time::sleep_until(self.since + self.next).await;
        let lasted = self.next;
        self.next *= 2;
        lasted
    }
}

impl Driver {
    /// Writes what is known of an agent that says nothing: its open tool calls, its processes.
    pub(super) async fn tell_silence(
        &mut self,
        agent: &Agent,
        execution: &str,
        quiet: Duration,
    ) -> Result<(), Halt> {
        let open = self.open_calls().await?;
        let open = if open.is_empty() {
            "no tool call is open".to_owned()
        } else {
            format!("open: {}", open.join(", "))
        };
        let processes = match agent.status(execution).await {
            Ok(status) => {
                let used = status.cpu_seconds.map(|used| format!(", {used:.1} s of processor time used"));
                format!("{} processes of it live{}", status.processes, used.unwrap_or_default())
            }
            Err(error) => format!("its processes are not known ({error})"),
        };
        let waits = if self.record.run.gate.is_some() { "; it waits for an answer" } else { "" };
        let seconds = quiet.as_secs();
        self.notice(
            "silence",
            format!("The agent has said nothing for {seconds} s: {open}; {processes}{waits}."),
        )
        .await
    }
}

impl Driver {
    /// The tools that were called and have not answered, by name, as far as the newest events tell.
    async fn open_calls(&self) -> Result<Vec<String>, Halt> {
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        let mut after = (self.record.run.last_seq - i64::from(SEARCHED)).max(0);
        let mut open = Open::default();
        loop {
            // What is long is not read: the name of its call may stay open.
            let read =
                self.patiently(|| store.event_page_short(run, after, PageLimit::list(SEARCHED))).await?;
            let Some((page, last)) = read else { break };
            page.events.iter().filter_map(|stored| stored.event().ok()).for_each(|event| open.heed(&event));
            if page.is_last || last == after {
                break;
            }
            after = last;
        }
        Ok(open.names())
    }
}

/// The tools that were called and have not answered: the ids of the calls and the names.
#[derive(Default)]
struct Open(Vec<(String, String)>);

impl Open {
    fn heed(&mut self, event: &Event) {
        let EventBody::Agent(line) = &event.body else { return };
        for said in line.events() {
            if let Some(call) = &said.tool {
                self.0.push((call.id.clone(), call.name.clone()));
            }
            // Together with its call, where an agent tells only calls that have ended.
            if let Some(result) = &said.result {
                self.0.retain(|(known, _)| *known != result.id);
            }
        }
    }

    fn names(self) -> Vec<String> {
        self.0.into_iter().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use api::{
        Timestamp,
        agent::{AgentEvent, AgentLine, AgentLineType, ToolCall, ToolResult},
    };

    use super::*;

    fn open_calls(events: &[Event]) -> Vec<String> {
        let mut open = Open::default();
        events.iter().for_each(|event| open.heed(event));
        open.names()
    }

    fn line(event: AgentEvent) -> Event {
        let body = EventBody::Agent(AgentLine::new(event, String::new()));
        Event { seq: 1, at: Timestamp::UNIX_EPOCH, step: Some(1), body }
    }

    fn call(id: &str, name: &str) -> AgentEvent {
        let tool = ToolCall { id: id.to_owned(), name: name.to_owned(), ..ToolCall::default() };
        AgentEvent { tool: Some(tool), ..AgentEvent::new(AgentLineType::ToolUse) }
    }

    fn done(id: &str) -> ToolResult {
        ToolResult { id: id.to_owned(), ok: true, ..ToolResult::default() }
    }

    #[test]
    fn a_call_is_open_until_it_answers() {
        let (bash, read) = (line(call("a", "Bash")), line(call("b", "Read")));
        let result = AgentEvent { result: Some(done("a")), ..AgentEvent::new(AgentLineType::ToolResult) };
        assert_eq!(open_calls(&[bash.clone(), read.clone()]), ["Bash", "Read"]);
        assert_eq!(open_calls(&[bash, read, line(result)]), ["Read"]);
        assert!(open_calls(&[]).is_empty());
        let both = AgentEvent { result: Some(done("c")), ..call("c", "Bash") };
        assert!(open_calls(&[line(both)]).is_empty(), "an agent may tell a call when it has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn each_notice_waits_twice_as_long_as_the_one_before() {
        let mut silence = Silence::new(Duration::from_secs(10));
        let began = Instant::now();
        for at in [10, 20, 40] {
            assert_eq!(silence.lasts().await, Duration::from_secs(at));
            assert_eq!(began.elapsed(), Duration::from_secs(at));
        }
        silence.broken();
        assert_eq!(silence.lasts().await, Duration::from_secs(10));
    }
}
