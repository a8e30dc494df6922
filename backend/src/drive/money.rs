//! The money of a run: what it has spent, where its line is, and the wait at that line.

mod line;
mod permit;

use std::{sync::Arc, time::Duration};

use api::{
    id::{BatchId, RunId},
    run::{Cost, GateKind, Reason, Usage},
};
use futures::future::BoxFuture;
use tokio::sync::watch;

pub(super) use self::line::Line;
use self::permit::OnItsWay;
use super::End;
use crate::{
    app::{App, talk::new_budget},
    broker::{Meter, Permit, Spent},
    budget::Budget,
    store::{Error, GateRecord, RunPatch, RunRecord, RunWrite, Store},
    tasks::Tasks,
};

/// How long the agent waits for its answer because the database is slow to take what it cost.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a call that waits for its batch looks again: another backend's calls notify nobody here.
const LOOK: Duration = Duration::from_secs(1);

/// The answer to a budget gate that ends the run.
pub(super) const STOP: &str = "stop";

/// What one run spends. Cheap to clone; clones are the same purse.
#[derive(Clone)]
pub(super) struct Money {
    store: Store,
    tasks: Tasks,
    run: RunId,
    batch: Option<BatchId>,
    /// Of the lease it is written under.
    fence: i64,
    spending: Arc<watch::Sender<Spending>>,
}

#[derive(Clone, Debug)]
struct Spending {
    budget: Budget,
    usage: Usage,
    /// Whether the last totals could not be stored.
    unsaved: bool,
    /// Why a call waits for a person, if one does.
    blocked: Option<Line>,
    /// Whether the last call was for a model that the task does not allow.
    forbidden: bool,
    /// Why the run must end: a person has said stop, or the upstream takes no more calls.
    over: Option<End>,
}

impl Money {
    /// The purse of a run as it is stored: its cost so far, and the last limit a person has set.
    pub(super) fn of(app: &App, record: &RunRecord, gates: &[GateRecord]) -> Self {
        let budget = |gate: &&GateRecord| gate.gate.kind == GateKind::Budget;
        let stopped = gates.iter().filter(budget).any(|gate| gate.gate.answer.as_deref() == Some(STOP));
        let own = gates.iter().filter(budget).filter(|gate| !gate.of_batch);
        let raised = own.filter_map(|gate| new_budget(gate.gate.answer.as_deref()?)).reduce(f64::max);
        let run = &record.run;
        let limit = run.task.budget_usd.map(|limit| raised.map_or(limit, |raised| limit.max(raised)));
        let spending = Spending {
            budget: Budget {
                spent: run.cost.usd,
                known: run.cost.known,
                unknown_accepted: raised.is_some(),
                ..Budget::new(limit)
            },
            usage: run.usage,
            unsaved: false,
            blocked: None,
            forbidden: false,
            over: stopped.then(stop),
        };
        Self {
            store: app.store.clone(),
            tasks: app.tasks.clone(),
            run: run.id,
            batch: run.batch_id,
            fence: record.fence,
            spending: Arc::new(watch::Sender::new(spending)),
        }
    }

    /// Whether a call can come to wait for a person.
    pub(super) fn has_limit(&self) -> bool {
        self.batch.is_some() || self.spending.borrow().budget.limit.is_some()
    }

    /// What it has cost so far, and the tokens.
    pub(super) fn totals(&self) -> (Cost, Usage) {
        let spending = self.spending.borrow();
        (Cost { usd: spending.budget.spent, known: spending.budget.known }, spending.usage)
    }

    /// A person has set a new limit.
    pub(super) fn raise(&self, limit: f64) {
        self.spending.send_modify(|spending| {
            spending.budget.limit = Some(limit);
            spending.budget.unknown_accepted = true;
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

    /// Whether the last call was for a model that the task does not allow.
    pub(super) fn is_forbidden(&self) -> bool {
        self.spending.borrow().forbidden
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

    /// Waits until one more call may leave that costs at most so much (`None`: its price is unknown).
    async fn wait_for_room(&self, most: Option<f64>) -> Result<OnItsWay, String> {
        let mut changes = self.spending.subscribe();
        let mut wakeups = self.batch.map(|batch| self.store.batch_wakeups(batch));
        loop {
            changes.mark_unchanged();
            if let Some(wakeups) = &mut wakeups {
                wakeups.mark_unchanged();
            }
            let batch = self.batch_budget().await;
            if let Some(way) = self.begin(most, batch.as_ref()) {
                match batch.filter(|batch| batch.limit.is_some()) {
                    None => return Ok(way),
                    Some(_) => {
                        if let Some(way) = way.hold(most).await? {
                            return Ok(way);
                        }
                    }
                }
            }
            let others = async {
                match &mut wakeups {
                    // It cannot close while it is listened to.
                    Some(wakeups) => drop(tokio::time::timeout(LOOK, wakeups.changed()).await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // It cannot close: `self` holds the other end.
                _ = changes.changed() => {}
                () = others => {}
            }
        }
    }

    /// One more call on its way, if the run and its batch have room for it. At the line a person is asked.
    fn begin(&self, most: Option<f64>, batch: Option<&Budget>) -> Option<OnItsWay> {
        let mut begun = None;
        self.spending.send_if_modified(|spending| {
            let of_batch = || Line::of_batch(batch?, most);
            let line = Line::of_run(&spending.budget, most).or_else(of_batch);
            let room = batch.is_none_or(|batch| batch.has_room(most)) && spending.budget.has_room(most);
            if line.is_none() && room {
                let reserve = spending.budget.reserve(most);
                spending.budget.calls += 1;
                spending.budget.held += reserve;
                begun = Some(OnItsWay::new(self.clone(), reserve));
            }
            let asks = line.is_some() && spending.blocked.is_none();
            if asks {
                spending.blocked = line;
            }
            asks
        });
        begun
    }

    /// The budget of the batch, as soon as the database tells it.
    async fn batch_budget(&self) -> Option<Budget> {
        let batch = self.batch?;
        loop {
            match self.store.batch_budget(batch).await {
                Ok(budget) => return budget,
                Err(error) => {
                    tracing::warn!(run.id = %self.run, %error, "a model call waits: the batch's budget cannot be read");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    async fn count(&self, call: Spent) {
        let Spent { model, usage, usd } = call;
        self.spending.send_modify(|spending| {
            match usd {
                Some(usd) => spending.budget.priced(usd),
                None => spending.budget.known = false,
            }
            let sum = &mut spending.usage;
            sum.input_tokens += usage.input_tokens;
            sum.output_tokens += usage.output_tokens;
            sum.cache_read_tokens += usage.cache_read_tokens;
            sum.cache_creation_tokens += usage.cache_creation_tokens;
            spending.unsaved = true;
        });
        // The driver writes the totals again at the end of the execution.
        if !matches!(tokio::time::timeout(PATIENCE, self.save()).await, Ok(Ok(()))) {
            tracing::warn!(run.id = %self.run, model, "what a model call cost could not be stored yet");
        }
    }

    /// Stores the totals, if the last ones were not.
    async fn save(&self) -> Result<(), Error> {
        if !self.spending.borrow().unsaved {
            return Ok(());
        }
        let (cost, usage) = self.totals();
        let patch = RunPatch { cost: Some(cost), usage: Some(usage), ..RunPatch::default() };
        let mut write = RunWrite::of(self.run).patch(patch);
        write.fence = Some(self.fence);
        self.store.run_write(write).await?;
        self.spending.send_if_modified(|spending| {
            // Another call may have been counted meanwhile.
            spending.unsaved &= (spending.budget.spent, spending.budget.known) != (cost.usd, cost.known);
            false
        });
        Ok(())
    }
}

fn stop() -> End {
    End::new(Reason::BudgetExhausted, "The budget was used up, and a person said stop.")
}

impl Meter for Money {
    fn has_limit(&self) -> bool {
        self.has_limit()
    }

    fn admit(&self, most: Option<f64>) -> BoxFuture<'_, Result<Permit, String>> {
        Box::pin(async move { self.wait_for_room(most).await.map(|way| Box::new(way) as Permit) })
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

    fn named(&self, forbidden: bool) {
        // Nobody waits for this.
        self.spending.send_if_modified(|spending| {
            spending.forbidden = forbidden;
            false
        });
    }
}
