//! The inbox: what people say to the agent while it works, each once, and which of its questions are open.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use api::executor::{Decision, Input};
use tokio::sync::{mpsc, watch};

use crate::{agents::Adapter, refusal::Refusal};

/// How many lines may wait for the agent to read them.
const WAITING: usize = 64;
/// How many open requests are kept as they came: the agent wants back what it asked. The backend denies more.
const KEPT: usize = 32;
/// The longest request that is kept, in bytes. The backend denies longer ones.
const LONGEST: usize = 2 << 20;

/// What is said to the agent, and what it waits for.
pub(crate) struct Inbox {
    agent: &'static dyn Adapter,
    lines: mpsc::Sender<String>,
    state: Mutex<State>,
    /// How many of its questions wait for a person.
    open: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    /// The requests that wait for a person, with their raw lines; of one that is not kept an empty line.
    open: BTreeMap<String, String>,
    /// The ids of messages, and the questions, that were dealt with.
    done: BTreeSet<(Kind, String)>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Message,
    Answer,
}

impl Inbox {
    /// An inbox, and the lines that are to be written to the agent.
    pub(super) fn new(agent: &'static dyn Adapter) -> (Self, mpsc::Receiver<String>) {
        let (lines, receiver) = mpsc::channel(WAITING);
        (Self { agent, lines, state: Mutex::default(), open: watch::Sender::new(0) }, receiver)
    }

    /// Takes something for the agent. What was taken before is not repeated.
    ///
    /// # Errors
    /// `Conflict` when the agent takes no more, or has not asked this.
    pub(crate) fn give(&self, input: &Input) -> Result<(), Refusal> {
        let mut state = self.state();
        let key = match input {
            Input::Message { id, .. } => (Kind::Message, id.clone()),
            Input::Answer { request_id, .. } => (Kind::Answer, request_id.clone()),
        };
        if state.done.contains(&key) {
            return Ok(());
        }
        let line = match input {
            Input::Message { text, .. } => self.agent.message(text),
            Input::Answer { request_id, decision } => self.answer(&state, request_id, decision)?,
        };
        self.write(line)?;
        state.open.remove(&key.1);
        state.done.insert(key);
        self.open.send_replace(state.open.len());
        Ok(())
    }

    fn answer(&self, state: &State, request: &str, decision: &Decision) -> Result<String, Refusal> {
        let Some(raw) = state.open.get(request) else {
            return Err(Refusal::Conflict(format!(
                "the agent waits for no answer to {request:?}: it has withdrawn it, has ended, or never asked"
            )));
        };
        if raw.is_empty() && !matches!(decision, Decision::Deny { .. }) {
            return Err(Refusal::Conflict(format!(
                "{request:?} was not kept, because it is longer than {LONGEST} bytes or {KEPT} others were open: \
                 it can only be denied"
            )));
        }
        Ok(self.agent.answer(request, raw, decision))
    }

    /// A line for the agent that no person said.
    ///
    /// # Errors
    /// `Conflict` when the agent takes no more.
    pub(super) fn write(&self, line: String) -> Result<(), Refusal> {
        self.lines.try_send(line).map_err(|error| {
            Refusal::Conflict(match error {
                mpsc::error::TrySendError::Full(_) => {
                    format!("{WAITING} messages wait for the agent already")
                }
                mpsc::error::TrySendError::Closed(_) => {
                    "the agent has given its result and takes no more messages".to_owned()
                }
            })
        })
    }

    /// The agent waits for a person to answer this request, which came in this line.
    pub(super) fn ask(&self, request_id: String, raw: &str) {
        let mut state = self.state();
        let kept = raw.len() <= LONGEST && state.open.len() < KEPT;
        state.open.insert(request_id, if kept { raw.to_owned() } else { String::new() });
        self.open.send_replace(state.open.len());
    }

    /// The agent no longer wants to know.
    pub(super) fn withdraw(&self, request_id: &str) {
        let mut state = self.state();
        state.open.remove(request_id);
        self.open.send_replace(state.open.len());
    }

    /// The agent has ended its turn: whatever it asked is over.
    pub(super) fn withdraw_all(&self) {
        self.state().open.clear();
        self.open.send_replace(0);
    }

    /// Tells how many questions wait for a person.
    pub(super) fn open(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
