//! The money of a run: what it has spent, where its line is, and the wait at that line.

use std::{sync::Arc, time::Duration};

use api::{
    id::{BatchId, RunId},
    run::{Cost, GateKind, Reason, Usage},
};
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::End;
use crate::{
    app::talk::new_budget,
    broker::{Meter, Permit, Spent},
    store::{GateRecord, RunPatch, RunRecord, RunWrite, Store},
};

/// How long the agent waits for its answer because the database is slow to take what it cost.
const PATIENCE: Duration = Duration::from_secs(2);

/// The answer to a budget gate that ends the run.
pub(super) const STOP: &str = "stop";

/// A line that is reached: what to ask a person before another call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The question.
    pub(super) question: String,
    /// Whether the batch's budget is meant, not the run's own.
    pub(super) of_batch: bool,
}

/// What one run spends. Cheap to clone; clones are the same purse.
#[derive(Clone)]
pub(super) struct Money {
    store: Store,
    run: RunId,
    batch: Option<BatchId>,
    /// Of the lease it is written under.
    fence: i64,
    spending: Arc<watch::Sender<Spending>>,
}

#[derive(Clone, Debug)]
struct Spending {
    cost: Cost,
    usage: Usage,
    /// In US dollars; `None` is no limit.
    limit: Option<f64>,
    /// A person has said that it may go on although a price is unknown.
    unknown_accepted: bool,
    /// How many calls are on their way.
    calls: u32,
    /// What the dearest call has cost so far, in US dollars.
    dearest: f64,
    /// Why a call waits for a person, if one does.
    blocked: Option<Line>,
    /// Why the run must end: a person has said stop, or the upstream takes no more calls.
    over: Option<End>,
}

impl Money {
    /// The purse of a run as it is stored: its cost so far, and the last limit a person has set.
    pub(super) fn of(store: &Store, record: &RunRecord, gates: &[GateRecord]) -> Self {
        let budget = |gate: &&GateRecord| gate.gate.kind == GateKind::Budget;
        let stopped = gates.iter().filter(budget).any(|gate| gate.gate.answer.as_deref() == Some(STOP));
        let own = gates.iter().filter(budget).filter(|gate| !gate.of_batch);
        let raised = own.filter_map(|gate| new_budget(gate.gate.answer.as_deref()?)).reduce(f64::max);
        let run = &record.run;
        let spending = Spending {
            cost: run.cost,
            usage: run.usage,
            limit: run.task.budget_usd.map(|limit| raised.map_or(limit, |raised| limit.max(raised))),
            unknown_accepted: raised.is_some(),
            calls: 0,
            dearest: 0.0,
            blocked: None,
            over: stopped.then(stop),
        };
        Self {
            store: store.clone(),
            run: run.id,
            batch: run.batch_id,
            fence: record.fence,
            spending: Arc::new(watch::Sender::new(spending)),
        }
    }

    /// Whether a call can come to wait for a person.
    pub(super) fn has_limit(&self) -> bool {
        self.batch.is_some() || self.spending.borrow().limit.is_some()
    }

    /// What it has cost so far, and the tokens.
    pub(super) fn totals(&self) -> (Cost, Usage) {
        let spending = self.spending.borrow();
        (spending.cost, spending.usage)
    }

    /// A person has set a new limit.
    pub(super) fn raise(&self, limit: f64) {
        self.spending.send_modify(|spending| {
            spending.limit = Some(limit);
            spending.unknown_accepted = true;
            spending.blocked = None;
        });
    }

    /// Resolves, with the question for a person, while a call waits at the line.
    pub(super) async fn blocked(&self) -> Line {
        self.wait_for(|spending| spending.blocked.clone()).await
    }

    /// What stood in the way may be gone: a call that waits looks again.
    pub(super) fn go_on(&self) {
        self.spending.send_modify(|spending| spending.blocked = None);
    }

    /// A person has said stop.
    pub(super) fn stop(&self) {
        self.spending.send_modify(|spending| spending.over = Some(stop()));
    }

    /// Resolves when the run must end for reasons of money or of the credential.
    pub(super) async fn over(&self) -> End {
        self.wait_for(|spending| spending.over.clone()).await
    }

    async fn wait_for<T>(&self, mut what: impl FnMut(&Spending) -> Option<T>) -> T {
        let mut changes = self.spending.subscribe();
        loop {
            let found = what(&changes.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            // It cannot close: `self` holds the other end.
            let _ = changes.changed().await;
        }
    }

    /// Waits until one more call may leave; it is on its way when this returns.
    async fn wait_for_room(&self) {
        let mut changes = self.spending.subscribe();
        loop {
            changes.mark_unchanged();
            let of_batch = self.batch_line().await;
            let mut admitted = false;
            self.spending.send_if_modified(|spending| {
                let own = spending.question().map(|question| Line { question, of_batch: false });
                let line = own.or(of_batch);
                admitted = line.is_none() && spending.has_room();
                spending.calls += u32::from(admitted);
                let asks = line.is_some() && spending.blocked.is_none();
                if asks {
                    spending.blocked = line;
                }
                asks
            });
            if admitted {
                return;
            }
            // It cannot close: `self` holds the other end.
            let _ = changes.changed().await;
        }
    }

    /// The line of the batch, if it is reached. A database that is away stops nobody: what is spent meanwhile is
    /// counted when it is back.
    async fn batch_line(&self) -> Option<Line> {
        let spending = self.store.batch_spending(self.batch?).await.ok()??;
        let limit = spending.limit.filter(|limit| *limit <= spending.spent)?;
        let question = format!(
            "The batch has spent {:.4} of {limit:.4} US dollars. Raise its budget, or stop this run?",
            spending.spent
        );
        Some(Line { question, of_batch: true })
    }

    async fn count(&self, call: Spent) {
        let Spent { model, usage, usd } = call;
        self.spending.send_modify(|spending| {
            spending.cost.usd += usd.unwrap_or_default();
            spending.dearest = spending.dearest.max(usd.unwrap_or_default());
            spending.cost.known &= usd.is_some();
            let sum = &mut spending.usage;
            sum.input_tokens += usage.input_tokens;
            sum.output_tokens += usage.output_tokens;
            sum.cache_read_tokens += usage.cache_read_tokens;
            sum.cache_creation_tokens += usage.cache_creation_tokens;
        });
        let (cost, usage) = self.totals();
        let patch = RunPatch { cost: Some(cost), usage: Some(usage), ..RunPatch::default() };
        let mut write = RunWrite::of(self.run).patch(patch);
        write.fence = Some(self.fence);
        let stored = self.store.run_write(write);
        // The driver writes the totals again at the end of the execution.
        if !matches!(tokio::time::timeout(PATIENCE, stored).await, Ok(Ok(_))) {
            tracing::warn!(run.id = %self.run, model, "what a model call cost could not be stored yet");
        }
    }
}

fn stop() -> End {
    End::new(Reason::BudgetExhausted, "The budget was used up, and a person said stop.")
}

impl Spending {
    /// Whether one more call beside those on their way stays within the limit, if none is dearer than those
    /// before. Alone a call may always leave: so a run goes over its limit by one call at most.
    fn has_room(&self) -> bool {
        let Some(limit) = self.limit else { return true };
        let on_their_way = f64::from(self.calls + 1) * self.dearest;
        self.calls == 0 || (0.0 < self.dearest && self.cost.usd + on_their_way <= limit)
    }

    /// What to ask a person before another call, if anything.
    fn question(&self) -> Option<String> {
        let limit = self.limit?;
        if limit <= self.cost.usd {
            return Some(format!(
                "{:.4} of {limit:.4} US dollars are spent. Raise the budget, or stop?",
                self.cost.usd
            ));
        }
        (!self.cost.known && !self.unknown_accepted).then(|| {
            format!(
                "What a call has cost is unknown (the model has no price, or the answer was cut off), so the \
                 budget of {limit:.4} US dollars cannot be held. Set a limit for what is known, or stop?"
            )
        })
    }
}

/// A call on its way, until this is dropped.
struct OnItsWay(Arc<watch::Sender<Spending>>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.send_modify(|spending| spending.calls -= 1);
    }
}

impl Meter for Money {
    fn admit(&self) -> BoxFuture<'_, Result<Permit, String>> {
        Box::pin(async {
            self.wait_for_room().await;
            Ok(Box::new(OnItsWay(self.spending.clone())) as Permit)
        })
    }

    fn spent(&self, call: Spent) -> BoxFuture<'_, ()> {
        Box::pin(self.count(call))
    }

    fn refused(&self, status: u16, message: String) {
        let why = format!(
            "The model refused the server's credential ({status}: {message}); give the server a valid one."
        );
        self.spending.send_modify(|spending| spending.over = Some(End::new(Reason::AuthFailed, why)));
    }
}

#[cfg(test)]
mod tests;
