//! What the agent says to the executor itself: turns begin and end, something is asked or withdrawn.

use std::process::ExitStatus;

use api::{
    Timestamp,
    agent::{AgentEvent, AgentLine, AgentLineType, PermissionRequest, StopReason},
    executor::{AgentResult, ExecutionLine, ExitCause},
};
use tokio::time::Instant;

use super::Driver;
use crate::{agents::Control, execution::clock::Clock};

impl Driver {
    /// After a result nothing more is said, and the process must end, unless another turn begins.
    pub(super) fn note(&mut self, event: &AgentEvent, raw: &str) {
        if let Some(stop_reason) = event.stop_reason {
            self.result = Some(AgentResult {
                stop_reason,
                status: event.status,
                text: event.text.clone().unwrap_or_default(),
                session_id: event.session.as_ref().map(|session| session.id.clone()),
            });
            self.turn = false;
            self.answered.cancel();
            self.ends.inbox.withdraw_all();
            self.hung = Some(Clock::new(self.result_grace, Instant::now()));
        }
        if event.r#type == AgentLineType::Init {
            self.turn = true;
            self.hung = None;
        }
        if let Some(request) = &event.request {
            self.asked(request, raw);
        }
    }

    /// A person is asked, or the profile says no at once.
    fn asked(&self, request: &PermissionRequest, raw: &str) {
        if request.gate(self.profile).is_some() {
            self.ends.inbox.ask(request.id.clone(), raw);
        } else {
            self.tell(self.agent.answer(&request.id, raw, &request.refusal()));
        }
    }

    pub(super) fn obey(&self, control: Option<Control>) {
        match control {
            Some(Control::Withdrawn(request_id)) => self.ends.inbox.withdraw(&request_id),
            Some(Control::Unknown(request_id)) => self.tell(self.agent.unsupported(&request_id)),
            None => {}
        }
    }

    fn tell(&self, line: String) {
        if let Err(error) = self.ends.inbox.write(line) {
            tracing::warn!(%error, "a request of the agent stays without an answer");
        }
    }

    /// A turn that gave no result gets one, so that each has exactly one.
    pub(super) async fn end_turn(&mut self, status: Option<ExitStatus>) {
        let stop_reason = match self.cause(status) {
            _ if !self.turn => return,
            ExitCause::NotStarted => return,
            ExitCause::Cancelled | ExitCause::Timeout => StopReason::Cancelled,
            _ => StopReason::NoResult,
        };
        self.turn = false;
        self.result = Some(AgentResult { stop_reason, ..AgentResult::default() });
        let event = AgentEvent { stop_reason: Some(stop_reason), ..AgentEvent::new(AgentLineType::Result) };
        let line = AgentLine::new(event, String::new());
        self.keep(|n| ExecutionLine::Agent { n, at: Timestamp::now(), line }).await;
    }
}
