//! The money of a run: what it has spent, where its line is, and the wait at that line.

use std::{sync::Arc, time::Duration};

use api::{
    id::RunId,
    run::{Cost, GateKind, Reason, Usage},
};
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::End;
use crate::{
    app::talk::new_budget,
    broker::{Meter, Spent},
    store::{GateRecord, RunPatch, RunRecord, RunWrite, Store},
};

/// How long the agent waits for its answer because the database is slow to take what it cost.
const PATIENCE: Duration = Duration::from_secs(2);

/// The answer to a budget gate that ends the run.
pub(super) const STOP: &str = "stop";

/// What one run spends. Cheap to clone; clones are the same purse.
#[derive(Clone)]
pub(super) struct Money {
    store: Store,
    run: RunId,
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
    /// Why a call waits, if one does.
    blocked: Option<String>,
    /// Why the run must end: a person has said stop, or the upstream takes no more calls.
    over: Option<End>,
}

impl Money {
    /// The purse of a run as it is stored: its cost so far, and the last limit a person has set.
    pub(super) fn of(store: &Store, record: &RunRecord, gates: &[GateRecord]) -> Self {
        let raised =
            gates.iter().filter_map(|gate| new_budget(gate.gate.answer.as_deref()?)).reduce(f64::max);
        let stopped = gates
            .iter()
            .any(|gate| gate.gate.kind == GateKind::Budget && gate.gate.answer.as_deref() == Some(STOP));
        let run = &record.run;
        let spending = Spending {
            cost: run.cost,
            usage: run.usage,
            limit: run.task.budget_usd.map(|limit| raised.map_or(limit, |raised| limit.max(raised))),
            unknown_accepted: raised.is_some(),
            blocked: None,
            over: stopped.then(stop),
        };
        Self {
            store: store.clone(),
            run: run.id,
            fence: record.fence,
            spending: Arc::new(watch::Sender::new(spending)),
        }
    }

    /// Whether a call can come to wait for a person.
    pub(super) fn has_limit(&self) -> bool {
        self.spending.borrow().limit.is_some()
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
    pub(super) async fn blocked(&self) -> String {
        self.wait_for(|spending| spending.blocked.clone()).await
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

    async fn wait_for_room(&self) {
        let mut changes = self.spending.subscribe();
        loop {
            let Some(question) = changes.borrow_and_update().question() else { return };
            if changes.borrow().blocked.is_none() {
                self.spending.send_modify(|spending| spending.blocked = Some(question));
            }
            let _ = changes.changed().await;
        }
    }

    async fn count(&self, call: Spent) {
        let Spent { model, usage, usd } = call;
        self.spending.send_modify(|spending| {
            spending.cost.usd += usd.unwrap_or_default();
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
                "The price of this model is unknown, so the budget of {limit:.4} US dollars cannot be held. \
                 Set a limit for what is known, or stop?"
            )
        })
    }
}

impl Meter for Money {
    fn admit(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            self.wait_for_room().await;
            Ok(())
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
