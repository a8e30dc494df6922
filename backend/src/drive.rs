//! One driver per live run: the only writer of its life, from the claim to the end.
//!
//! A driver begins from the stored record, whatever that says: a new run, or one that an earlier process left
//! behind. Everything it asks of the executor may be asked twice, so adopting a container is the same code.

mod asks;
mod boot;
mod clock;
mod clone;
mod egress;
mod engine;
mod environment;
mod execution;
mod feedback;
mod finish;
mod gates;
mod heed;
mod kept;
mod lines;
mod masking;
mod money;
mod news;
mod record;
mod rescue;
mod room;
mod silence;
mod steps;
mod survey;
mod verdict;
mod whereabouts;
mod work;

use std::{sync::Arc, time::Duration};

use api::{
    id::RunId,
    run::{Reason, RunState},
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::masking::mask_of;
use self::{clock::Clock, money::Money};
use crate::{
    app::{App, Driven},
    jobs,
    mask::{Mask, Tail},
    secret::Secret,
    store::{self, GateRecord, RunPatch, RunRecord, RunWrite},
};

/// Why a run comes to its end, and what to tell people.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The reason.
    pub(crate) reason: Reason,
    /// What happened and what to do.
    pub(crate) detail: String,
}

impl End {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    fn cancelled() -> Self {
        Self::new(Reason::CancelledByUser, "It was cancelled.")
    }
}

/// Why the work on a run stopped.
enum Halt {
    /// The run is over.
    End(End),
    /// This process stops: the run goes on in its container and is adopted by the next one.
    Leave,
}

impl From<End> for Halt {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// One live run.
struct Driver {
    app: App,
    record: RunRecord,
    /// Its own time: stands still at a gate.
    clock: Clock,
    money: Money,
    /// The secrets it was given, and those that its own may have had before it was adopted.
    given: masking::Given,
    replaced: Vec<(String, Secret)>,
    /// What it must not say.
    mask: Arc<Mask>,
    /// The end of the tokens that are on their way, and the kind of block they are of.
    partial_tail: Tail,
    partial_block: String,
    /// Whether the remote has refused its branch.
    refused: bool,
    /// Whether a push is under way that nobody waits for any more: until it ends, the executor takes nothing out.
    pushing: bool,
    /// How many questions of its agent were denied at once.
    denied_asks: u64,
    /// Whether its log says that it waits for room on the server's disk.
    told_room: bool,
    /// How many bytes of what the agent said found no room when they were to be stored.
    unstored: u64,
    /// The write that was not seen to its end yet.
    underway: Option<record::Underway>,
    /// How others reach it.
    driven: Driven,
    /// Set when this process stops.
    leave: CancellationToken,
}

/// Starts the driver of a run, unless it has one here. Returns whether it was started.
pub(crate) fn spawn(app: &App, id: RunId) -> bool {
    let driven = Driven::default();
    {
        let mut drivers = app.drivers();
        if drivers.contains_key(&id) {
            return false;
        }
        drivers.insert(id, driven.clone());
    }
    let app = app.clone();
    app.tasks.clone().spawn("drive", move |leave| async move {
        drive(&app, id, driven, leave).await;
        app.drivers().remove(&id);
        app.queue_changed.notify_one();
    });
    true
}

async fn drive(app: &App, id: RunId, driven: Driven, leave: CancellationToken) {
    let (record, gates) = loop {
        match take(app, id).await {
            Ok(Some(taken)) => break taken,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(run.id = %id, %error, "a run cannot be read, trying again");
                // That does not become better with time, and nobody could ever stop it.
                if matches!(error, store::Error::Corrupt { .. }) && give_up(app, id, &error).await {
                    return;
                }
                if wait(&leave, Duration::from_secs(1)).await {
                    return;
                }
            }
        }
    };
    if record.run.state == RunState::Ended {
        return;
    }
    if record.cancel_requested {
        driven.cancel.cancel();
    }
    Driver::new(app, record, &gates, driven, leave).live().await;
}

/// Takes the lease of a run and reads it. `None` when somebody else drives it.
async fn take(app: &App, id: RunId) -> Result<Option<(RunRecord, Vec<GateRecord>)>, store::Error> {
    let Some(fence) = app.store.lease_take(id, app.owner, jobs::TERM).await? else { return Ok(None) };
    let Some(mut record) = app.store.run_record(id).await? else { return Ok(None) };
    record.fence = fence;
    if record.run.batch_id.is_some() && app.store.batch_has_calls_of(id).await? {
        // Written before they are forgotten: a failure in between repeats both.
        record.run.cost.known = false;
        let patch = RunPatch { cost: Some(record.run.cost), ..RunPatch::default() };
        let mut write = RunWrite::of(id).patch(patch);
        write.fence = Some(fence);
        app.store.run_write(write).await?;
        app.store.batch_forget_calls_of(id).await?;
    }
    let gates = app.store.gate_list(id).await?;
    Ok(Some((record, gates)))
}

/// Ends a run whose record cannot be read. Its container goes with the next look of the reconciler. Returns whether
/// it is over.
async fn give_up(app: &App, id: RunId, error: &store::Error) -> bool {
    // Somebody else may drive it who can read it.
    let Ok(Some(fence)) = app.store.lease_take(id, app.owner, jobs::TERM).await else { return false };
    let why = format!("What is stored of this run cannot be used: {error}");
    let mut write = RunWrite::of(id).end(Reason::Internal, why);
    write.fence = Some(fence);
    let ended = app.store.run_write(write).await;
    matches!(ended, Ok(_) | Err(store::Error::Illegal(_) | store::Error::Missing(_)))
}

impl Driver {
    fn new(
        app: &App,
        record: RunRecord,
        gates: &[GateRecord],
        driven: Driven,
        leave: CancellationToken,
    ) -> Self {
        let now = api::Timestamp::now();
        let started = record.run.started_at.unwrap_or(record.run.created_at);
        let passed = now.duration_since(started).unsigned_abs().saturating_sub(gates::waited(gates, now));
        let clock = Clock::new(passed);
        if gates.iter().any(|record| record.gate.answer.is_none()) {
            clock.stop();
        }
        let money = Money::of(app, &record, gates);
        Self {
            app: app.clone(),
            record,
            clock,
            money,
            given: masking::Given::new(),
            replaced: Vec::new(),
            mask: Arc::default(),
            partial_tail: Tail::default(),
            partial_block: String::new(),
            refused: false,
            pushing: false,
            denied_asks: 0,
            told_room: false,
            unstored: 0,
            underway: None,
            driven,
            leave,
        }
    }

    /// Boots, works and finishes; returns early only when the process stops.
    async fn live(&mut self) {
        if self.learn_secrets().await.is_err() {
            return;
        }
        let booted = match self.boot().await {
            Ok(booted) => booted,
            // Whatever went wrong with the container then: a person had stopped the run.
            Err(Halt::End(_)) if self.driven.cancel.is_cancelled() => {
                return self.finish_without(End::cancelled()).await;
            }
            Err(Halt::End(end)) => return self.finish_without(end).await,
            Err(Halt::Leave) => return,
        };
        self.mask_all(Some(booted.instance));
        let mut egress = self.watch_egress(&booted).await;
        let outcome = {
            let lost = booted.lost(&self.app);
            let (cancel, leave) = (self.driven.cancel.clone(), self.leave.clone());
            let (clock, money) = (self.clock.clone(), self.money.clone());
            let (limit, late) = (Duration::from_secs(self.record.run.task.timeout_seconds), self.timeout());
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(Halt::End(End::cancelled())),
                () = leave.cancelled() => Err(Halt::Leave),
                end = lost => Err(Halt::End(end)),
                end = money.over() => Err(Halt::End(end)),
                never = egress.follow() => match never {},
                end = self.work(&booted) => end,
                () = clock.reaches(limit) => Err(Halt::End(late)),
            }
        };
        let outcome = match outcome {
            Err(Halt::Leave) => return booted.leave(),
            Err(Halt::End(end)) => Err(end),
            Ok(()) => Ok(()),
        };
        egress.last_words().await;
        self.record.run.denied.hosts = egress.refused_hosts();
        self.finish(booted, outcome).await;
    }

    fn timeout(&self) -> End {
        let seconds = self.record.run.task.timeout_seconds;
        End::new(
            Reason::Timeout,
            format!("The run took longer than its {seconds} s; raise `timeoutSeconds` if it needs more."),
        )
    }
}

/// Waits, or answers `true` at once when the process stops.
async fn wait(leave: &CancellationToken, time: Duration) -> bool {
    tokio::time::timeout(time, leave.cancelled()).await.is_ok()
}
