//! What the agent asks, within bounds: a person can be asked so much. The rest is denied at once, the agent is told
//! why, and the log says so.

use api::{
    agent::{Decision, PermissionRequest},
    event::{EventBody, Notice},
    executor::{ExecutionLine, Input},
    run::{Gate, GateKind},
};
use uuid::Uuid;

use super::{Driver, Halt, gates::words, kept::has_room, masking};
use crate::{
    agent::{Agent, Error},
    cut::cut,
    store::{GateRecord, GateText},
};

/// How many questions of one run may be open.
const OPEN: usize = 16;
/// How many questions one run may have asked.
const ASKED: usize = 1_000;
const LONGEST: usize = PermissionRequest::LONGEST;
/// Begins the name of an artifact with a whole question.
const KEPT: &str = "question-";

/// What became of the questions in some lines.
pub(super) enum Asked {
    /// They are stored or denied. Whether a person has to answer one.
    Done(bool),
    /// The executor could not be told: they must be read again.
    Cut(String),
}

impl Driver {
    /// Stores a gate for each question in these lines. Before the lines are: a crash in between repeats this.
    pub(super) async fn open_asks(
        &mut self,
        agent: &Agent,
        execution: &str,
        lines: &[ExecutionLine],
    ) -> Result<Asked, Halt> {
        let mut known = None;
        let mut opened = false;
        for line in lines {
            let ExecutionLine::Agent { at, line, .. } = line else { continue };
            let Some(ask) = line.events().find_map(|event| event.request.as_ref()) else { continue };
            let Some(kind) = ask.gate(self.record.run.task.permission_profile) else { continue };
            // The same question read twice is the same gate.
            let name = format!("{execution} {}", ask.id);
            let id = Uuid::new_v5(&self.record.run.id.0, name.as_bytes());
            let (store, run) = (self.app.store.clone(), self.record.run.id);
            let known = match &mut known {
                Some(known) => known,
                none => none.insert(self.patiently(|| store.gate_ids(run)).await?.unwrap_or_default()),
            };
            if known.iter().any(|(other, _)| *other == id) {
                opened = true;
                continue;
            }
            let open = known.iter().filter(|(_, is_open)| *is_open).count();
            // Before its text is made: that may be as long as the line.
            if let Some(why) = too_much(open, known.len(), line.raw.len()) {
                if let Err(why) = self.deny(agent, execution, ask, &why).await? {
                    return Ok(Asked::Cut(why));
                }
                continue;
            }
            let text = self.mask.text(&ask.text).into_owned();
            let denied = {
                let bytes = if is_long(&text) { text.len() as u64 } else { 0 };
                let room = self.app.config.storage.keep_bytes;
                (!has_room(&self.record.run.artifacts, KEPT, bytes, room))
                    .then_some("the server has no room for more long questions of this run")
            };
            if let Some(why) = denied {
                if let Err(why) = self.deny(agent, execution, ask, why).await? {
                    return Ok(Asked::Cut(why));
                }
                continue;
            }
            let text = self.short(id, text).await?;
            let options = if kind == GateKind::Approval { words(&["allow", "deny"]) } else { ask.options() };
            let gate = Gate { id, kind, text, options, since: *at, until: None, answer: None };
            let kept = masking::kept_request(&self.mask, ask);
            self.insert_gate(GateRecord::of(gate, Some(execution.to_owned())), kept).await?;
            known.push((id, true));
            opened = true;
        }
        Ok(Asked::Done(opened))
    }

    /// A question as it is shown. One that is too long for that is kept whole, for everybody who may see the run.
    async fn short(&mut self, id: Uuid, mut text: String) -> Result<String, Halt> {
        if is_long(&text) {
            let name = format!("{KEPT}{id}.txt");
            let whole = std::mem::take(&mut text);
            text.push_str(&whole[..whole.floor_char_boundary(GateText::SHOWN)]);
            text.push_str(&format!("… ({} bytes: the whole is the run's artifact {name})", whole.len()));
            self.keep(&name, "what the agent asked, whole".to_owned(), whole.into_bytes()).await?;
        }
        Ok(text)
    }

    /// Says no to the agent. The inner error is that it could not be told.
    async fn deny(
        &mut self,
        agent: &Agent,
        execution: &str,
        ask: &PermissionRequest,
        why: &str,
    ) -> Result<Result<(), String>, Halt> {
        let message = format!("Nobody was asked: {why}.");
        let decision = Decision::Deny { message: message.clone() };
        let input = Input::Answer { request_id: ask.id.clone(), decision };
        // Otherwise it has taken it, or does not wait for it any more.
        if let Err(Error::Unreachable(why)) = agent.input(execution, &input).await {
            return Ok(Err(why));
        }
        self.denied_asks += 1;
        // Told at 1, 10, 100 …: who asks without end fills no log with it.
        if self.denied_asks.ilog10() != (self.denied_asks - 1).checked_ilog10().unwrap_or(u32::MAX) {
            let mut tool = ask.tool.clone();
            cut(&mut tool, 100);
            let text = format!(
                "A question of the agent ({tool}) was denied at once, {} so far. {message}",
                self.denied_asks
            );
            let notice = Notice { about: "gate".to_owned(), text };
            self.event(EventBody::Notice(notice)).await?;
        }
        Ok(Ok(()))
    }
}

fn is_long(text: &str) -> bool {
    GateText::LONGEST < text.len()
}

/// Why a person is not asked this as well.
fn too_much(open: usize, asked: usize, bytes: usize) -> Option<String> {
    if OPEN <= open {
        return Some(format!("{open} questions of this run wait for an answer already"));
    }
    if ASKED <= asked {
        return Some(format!("this run has asked {asked} questions already"));
    }
    (LONGEST < bytes)
        .then(|| format!("the request has {bytes} bytes, and may have {LONGEST}; do it in smaller parts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_may_be_asked_and_no_more() {
        assert_eq!(too_much(OPEN - 1, ASKED - 1, LONGEST), None);
        for (open, asked, bytes, said) in
            [(OPEN, OPEN, 1, "wait"), (0, ASKED, 1, "asked"), (0, 0, LONGEST + 1, "smaller parts")]
        {
            let why = too_much(open, asked, bytes).unwrap();
            assert!(why.contains(said), "{why}");
        }
    }
}
