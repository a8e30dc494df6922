//! Gates: where the run waits for a person, and how answers and messages reach the agent.

use api::{
    Timestamp,
    agent::PermissionRequest,
    event::{EventBody, UserMessage},
    executor::Input,
    run::{Gate, GateKind, RunState, Transition},
};
use uuid::Uuid;

use super::{
    Driver, Halt, masking,
    money::{Line, STOP},
    record::retry_while_away,
};
use crate::{
    agent::{Agent, Error},
    app::talk::new_budget,
    store::{Delivered, GateRecord, RunPatch},
};

/// The answer of a batch's gate that was answered at another run.
const RAISED: &str = "raised for the whole batch";

/// The answer of a gate whose question nobody asks any more.
const WITHDRAWN: &str = "withdrawn: the agent no longer waits for it";

impl Driver {
    /// Asks a person about the budget, unless somebody is asked already.
    pub(super) async fn open_budget(&mut self, line: Line) -> Result<(), Halt> {
        let waits =
            |record: &GateRecord| record.gate.kind == GateKind::Budget && record.gate.answer.is_none();
        if !self.gates().await?.iter().any(waits) {
            let gate = Gate {
                id: Uuid::now_v7(),
                kind: GateKind::Budget,
                text: line.question,
                options: words(&[STOP]),
                since: Timestamp::now(),
                until: None,
                answer: None,
            };
            self.insert_gate(GateRecord { of_batch: line.of_batch, ..GateRecord::of(gate, None) }, None)
                .await?;
        }
        self.show_gate().await
    }

    /// Stores a gate; `ask` is the agent's request, JSON.
    pub(super) async fn insert_gate(
        &mut self,
        mut record: GateRecord,
        ask: Option<String>,
    ) -> Result<(), Halt> {
        masking::gate(&self.mask, &mut record.gate);
        let (store, run, leave) = (self.app.store.clone(), self.record.run.id, self.leave.clone());
        self.carry_out(async move {
            retry_while_away(run, &leave, || store.gate_insert(run, &record, ask.as_deref())).await?;
            Ok(None)
        })
        .await
    }

    pub(super) async fn gates(&self) -> Result<Vec<GateRecord>, Halt> {
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        Ok(self.patiently(|| store.gate_list(run)).await?.unwrap_or_default())
    }

    /// Hands over what people have said since the last time: answers, then messages.
    pub(super) async fn settle(&mut self, agent: &Agent, execution: &str) -> Result<(), Halt> {
        for record in self.gates().await?.iter().filter(|record| record.gate.answer.is_none()) {
            self.recheck_batch(record).await?;
        }
        for record in self.gates().await? {
            let Some(answer) = record.gate.answer.clone().filter(|_| !record.delivered) else { continue };
            if !self.hand_over(agent, execution, &record, &answer).await? {
                continue;
            }
            let mut write = self.change().event(self.record.run.step, EventBody::Gate(record.gate.clone()));
            write.delivered = Some(Delivered::Gate(record.gate.id));
            self.write(write).await?;
            if record.gate.kind == GateKind::Budget {
                self.obey(&record, &answer).await?;
            }
        }
        self.show_gate().await?;
        self.hand_over_messages(agent, execution).await
    }

    /// Gives the agent its answer. `false` when it could not be reached: it is tried again.
    async fn hand_over(
        &mut self,
        agent: &Agent,
        execution: &str,
        record: &GateRecord,
        answer: &str,
    ) -> Result<bool, Halt> {
        if record.execution.as_deref() != Some(execution) {
            return Ok(true);
        }
        let (store, id) = (self.app.store.clone(), record.gate.id);
        let kept = self.patiently(|| store.gate_ask(id)).await?.flatten();
        let ask = kept.and_then(|kept| serde_json::from_str::<PermissionRequest>(&kept).ok());
        let Some(ask) = ask else { return Ok(true) };
        let input = Input::Answer { request_id: ask.id.clone(), decision: ask.decide(answer) };
        match agent.input(execution, &input).await {
            Ok(()) => Ok(true),
            Err(Error::Unreachable(_)) => Ok(false),
            Err(error) => {
                self.notice("gate", format!("The agent did not take the answer: {error}")).await?;
                Ok(true)
            }
        }
    }

    async fn hand_over_messages(&mut self, agent: &Agent, execution: &str) -> Result<(), Halt> {
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        for message in self.patiently(|| store.message_list_waiting(run)).await?.unwrap_or_default() {
            let input = Input::Message { id: message.id.to_string(), text: message.text.clone() };
            if agent.input(execution, &input).await.is_err() {
                // It has given its result, or cannot be reached: the next execution, or the next try, takes it.
                return Ok(());
            }
            let said = EventBody::User(UserMessage { text: message.text });
            let mut write = self.change().event(self.record.run.step, said);
            write.delivered = Some(Delivered::Message(message.id));
            self.write(write).await?;
        }
        Ok(())
    }

    /// What the answer to a budget gate means.
    async fn obey(&mut self, record: &GateRecord, answer: &str) -> Result<(), Halt> {
        match (new_budget(answer), self.record.run.batch_id) {
            (Some(limit), Some(batch)) if record.of_batch => {
                let app = self.app.clone();
                self.patiently(|| app.store.batch_set_budget(batch, limit)).await?;
                self.money.go_on();
                // The others of the batch wait for the same.
                let others = self.patiently(|| app.store.batch_list_waiting(batch)).await?;
                for run in others.unwrap_or_default() {
                    self.patiently(|| app.wake(run)).await?;
                }
            }
            (Some(limit), _) => self.money.raise(limit),
            (None, _) if answer == STOP => self.money.stop(),
            // Withdrawn, or raised through another run of the batch.
            (None, _) => self.money.go_on(),
        }
        Ok(())
    }

    /// A gate of the batch's budget that somebody has raised through another run of it answers itself.
    async fn recheck_batch(&mut self, record: &GateRecord) -> Result<(), Halt> {
        let Some(batch) = self.record.run.batch_id.filter(|_| record.of_batch) else { return Ok(()) };
        let (store, run, id) = (self.app.store.clone(), self.record.run.id, record.gate.id);
        let budget = self.patiently(|| store.batch_budget(batch)).await?.flatten();
        if budget.is_none_or(|budget| budget.line(Some(0.0)).is_none()) {
            self.patiently(|| store.gate_answer(run, id, RAISED)).await?;
        }
        Ok(())
    }

    /// Makes the oldest open gate the one the run waits for, or lets it go on when there is none.
    pub(super) async fn show_gate(&mut self) -> Result<(), Halt> {
        let open = self.gates().await?.into_iter().find(|record| record.gate.answer.is_none());
        let open = open.map(|record| record.gate);
        if open.as_ref().map(|gate| gate.id) == self.record.run.gate.as_ref().map(|gate| gate.id) {
            return Ok(());
        }
        let patch = RunPatch { gate: Some(open.clone()), ..RunPatch::default() };
        let mut write = self.change().patch(patch);
        match (open, self.record.run.state) {
            (Some(gate), state) => {
                self.clock.stop();
                write = write.event(self.record.run.step, EventBody::Gate(gate));
                write.transition = (state == RunState::Running).then_some(Transition::Wait);
            }
            (None, state) => {
                self.clock.go();
                write.transition = (state == RunState::Waiting).then_some(Transition::Work);
            }
        }
        self.write(write).await?;
        // A run that waits gives its place to another.
        self.app.queue_changed.notify_one();
        Ok(())
    }

    /// Closes the gates that only this execution could still use, or all of them (`None`).
    pub(super) async fn withdraw(&mut self, execution: Option<&str>) -> Result<(), Halt> {
        let (store, run) = (self.app.store.clone(), self.record.run.id);
        for record in self.gates().await? {
            let theirs = execution.is_none() || record.execution.as_deref() == execution;
            if record.gate.answer.is_some() || !theirs {
                continue;
            }
            let id = record.gate.id;
            if self.patiently(|| store.gate_answer(run, id, WITHDRAWN)).await? == Some(true) {
                let gate = Gate { answer: Some(WITHDRAWN.to_owned()), ..record.gate };
                let mut write = self.change().event(self.record.run.step, EventBody::Gate(gate));
                write.delivered = Some(Delivered::Gate(id));
                self.write(write).await?;
            }
        }
        self.show_gate().await
    }
}

/// How long a run has waited for people so far: the time in which any gate was open.
pub(super) fn waited(gates: &[GateRecord], now: Timestamp) -> std::time::Duration {
    let mut spans: Vec<_> =
        gates.iter().map(|record| (record.gate.since, record.answered_at.unwrap_or(now))).collect();
    spans.sort_unstable();
    let (mut sum, mut covered) = (std::time::Duration::ZERO, Timestamp::MIN);
    for (since, until) in spans {
        let since = since.max(covered);
        if since < until {
            sum += until.duration_since(since).unsigned_abs();
            covered = until;
        }
    }
    sum
}

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
