//! Batches: one task over many repositories, made whole, watched, stopped and repeated in part.

pub(crate) mod targets;
pub(crate) mod watch;

use api::{
    batch::Batch,
    error::ApiError,
    id::{BatchId, RunId, TaskId},
    page::Page,
    run::{Outcome, Overrides, Reason, Run, RunState},
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    App, Error, before, not_found, page_size, repository,
    runs::{check_key, new_run, with_overrides},
    verbs::{Target, Verb},
};
use crate::{
    caller::Caller,
    store::{self, NewBatch, OnceKey, RunWrite},
};

/// What the copies of its task may take in all runs of one batch, in bytes.
const MAX_COPIES: usize = 256 << 20;
/// How many runs of a batch are ended at once; the writer commits them in groups.
pub(super) const AT_ONCE: usize = 128;

/// What `batches.create` is asked for.
#[derive(Clone, Debug)]
pub struct CreateBatch {
    /// The task.
    pub task_id: TaskId,
    /// The targets.
    pub repositories: Vec<String>,
    /// Where to start, in each of them.
    pub r#ref: Option<String>,
    /// How many of its runs may work at once.
    pub concurrency: Option<u32>,
    /// After how many failed targets no further run is begun.
    pub stop_after_failures: Option<u32>,
    /// What all its runs together may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// The same key of the same caller gives the same batch.
    pub idempotency_key: Option<String>,
    /// Settings that differ from the task's.
    pub overrides: Overrides,
}

impl CreateBatch {
    /// Its key, which remembers all the rest.
    fn key(&self, caller: &Caller) -> Option<OnceKey> {
        let Self { task_id, repositories, r#ref, concurrency, stop_after_failures, budget_usd, .. } = self;
        let limits = (concurrency, stop_after_failures, budget_usd);
        let asked = (task_id, repositories, r#ref, limits, &self.overrides);
        let key = self.idempotency_key.as_deref()?;
        Some(OnceKey::of_caller(&caller.token(), key, &asked))
    }
}

impl App {
    /// Queues a run against each repository: all of them, or none.
    ///
    /// # Errors
    /// `Invalid` for what cannot be, naming every bad repository at once; `NotFound` or `Conflict` for the
    /// task; `Conflict` for a key that was used for another request; `Limit` when the queue has no room for all of
    /// them.
    pub async fn batch_create(&self, caller: &Caller, create: CreateBatch) -> Result<Batch, Error> {
        let by = caller.clone();
        let work = |app: Self| async move { app.create_batch(&by, create).await };
        let target = Target::Made(|batch: &Batch| batch.id.to_string());
        self.change(caller, Verb::BatchesCreate, target, work).await
    }

    async fn create_batch(&self, caller: &Caller, mut create: CreateBatch) -> Result<Batch, Error> {
        check(&create)?;
        create.repositories = targets::addresses(&create.repositories)?;
        self.check_reachable(&create.repositories)?;
        let key = create.key(caller);
        // Before the key is looked up: a full queue may be full of this very batch.
        let room = self.queue_room(create.repositories.len()).await;
        if let Some(known) = self.store.batch_by_key(key.as_ref()).await? {
            return self.batch(known).await;
        }
        let task = self.task_to_run(create.task_id).await?;
        let name = task.spec.name.clone();
        let (spec, priority) = with_overrides(task.spec, create.overrides)?;
        self.check_submodules(&spec)?;
        let size = serde_json::to_string(&spec).map_or(0, |json| json.len());
        if MAX_COPIES / create.repositories.len() < size {
            let most = MAX_COPIES / size.max(1);
            let why =
                format!("each run keeps a copy of its task, and this one is large: give at most {most}");
            return Err(ApiError::invalid("repositories", why).into());
        }
        room?;
        let id = BatchId::mint();
        let run = |repository: &String| {
            let r#ref = create.r#ref.clone();
            let mut run = new_run(create.task_id, spec.clone(), repository.clone(), r#ref, None);
            run.batch_id = Some(id);
            run.owner = Some(caller.name.to_string());
            run.priority = priority;
            run
        };
        let runs: Vec<Run> = create.repositories.iter().map(run).collect();
        let new = NewBatch {
            id,
            task_id: create.task_id,
            name,
            targets: create.repositories,
            concurrency: create.concurrency,
            stop_after_failures: create.stop_after_failures,
            budget_usd: create.budget_usd,
            owner: caller.name.to_string(),
        };
        let stored = self.store.batch_insert(&new, &runs, key.as_ref()).await?;
        if stored == id {
            self.queued(&runs);
        }
        self.batch(stored).await
    }

    /// One batch, with the newest run of each target.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub async fn batch_by_id(&self, caller: &Caller, id: BatchId) -> Result<Batch, Error> {
        Verb::BatchesById.check(caller)?;
        self.batch(id).await
    }

    pub(super) async fn batch(&self, id: BatchId) -> Result<Batch, Error> {
        self.store.batch_fetch(id).await?.ok_or_else(|| not_found("batch", id))
    }

    /// Batches, newest first, without their runs.
    ///
    /// # Errors
    /// `Invalid` for a cursor or limit that cannot be.
    pub async fn batch_list(
        &self,
        caller: &Caller,
        task: Option<TaskId>,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Batch>, Error> {
        Verb::BatchesList.check(caller)?;
        Ok(self.store.batch_list(task, before(cursor)?, page_size(limit)?).await?)
    }

    /// Ends those of these runs that are still queued. Returns the others: they were claimed just now.
    pub(crate) async fn batch_end_queued(&self, runs: Vec<RunId>, detail: &str) -> Result<Vec<RunId>, Error> {
        let end = async |id: RunId| {
            let mut end = RunWrite::of(id).end(Reason::CancelledByUser, detail);
            end.only_in = Some(RunState::Queued);
            match self.store.run_write(end).await {
                Ok(_) => Ok(None),
                Err(store::Error::Stale(_) | store::Error::Illegal(_)) => Ok(Some(id)),
                Err(error) => Err(Error::from(error)),
            }
        };
        let ended = stream::iter(runs).map(end).buffer_unordered(AT_ONCE);
        ended.try_filter_map(futures::future::ok).try_collect().await
    }

    /// Queues those targets again whose newest run did not succeed, and lifts the batch's stop.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when the batch's budget is used up, `Limit` when the queue has no room.
    pub async fn batch_retry_failed(&self, caller: &Caller, id: BatchId) -> Result<Batch, Error> {
        let owner = caller.name.to_string();
        let work = move |app: Self| async move { app.retry_batch(&owner, id).await };
        self.change(caller, Verb::BatchesRetryFailed, id.0, work).await
    }

    async fn retry_batch(&self, owner: &str, id: BatchId) -> Result<Batch, Error> {
        let batch = self.batch(id).await?;
        if let Some(limit) = batch.budget_usd.filter(|limit| *limit <= batch.cost.usd) {
            let why = format!(
                "the batch's budget of {limit:.2} US dollars is used up ({:.4} spent): make a new batch",
                batch.cost.usd
            );
            return Err(ApiError::Conflict { why }.into());
        }
        let failed = |outcome: Option<Outcome>| outcome.is_some_and(|it| it != Outcome::Succeeded);
        let failed: Vec<_> = batch.runs.iter().filter(|run| failed(run.outcome)).collect();
        let Some(first) = failed.first() else { return Ok(batch) };
        self.queue_room(failed.len()).await?;
        // All runs of a batch do the same, from the same ref.
        let first = self.run(first.id).await?;
        let again = failed.iter().map(|old| {
            let (task, r#ref) = (first.task.clone(), first.r#ref.clone());
            let mut run = new_run(batch.task_id, task, old.repository.clone(), r#ref, Some(old.id));
            run.batch_id = Some(id);
            run.owner = Some(owner.to_owned());
            run.priority = first.priority;
            run
        });
        let again: Vec<Run> = again.collect();
        if self.store.batch_repeat(id, &again).await? {
            self.queued(&again);
        }
        self.batch(id).await
    }

    /// Refuses repositories that the broker has no way to.
    fn check_reachable(&self, repositories: &[String]) -> Result<(), ApiError> {
        for (at, repository) in repositories.iter().enumerate() {
            if let Err(ApiError::Invalid { why, .. }) =
                self.broker.check_repository(&repository::parse(repository)?)
            {
                return Err(ApiError::invalid("repositories", format!("repositories[{at}]: {why}")));
            }
        }
        Ok(())
    }

    /// Tells everyone who waits for work or watches the list.
    fn queued(&self, runs: &[Run]) {
        for run in runs {
            self.store.run_changed(run.id);
        }
        self.queue_changed.notify_one();
    }
}

fn check(create: &CreateBatch) -> Result<(), ApiError> {
    targets::check(&create.repositories)?;
    create.r#ref.as_deref().map(repository::check_ref).transpose()?;
    check_key(create.idempotency_key.as_deref())?;
    for (field, count) in
        [("concurrency", create.concurrency), ("stopAfterFailures", create.stop_after_failures)]
    {
        if count == Some(0) {
            return Err(ApiError::invalid(field, "is 0: leave it out for no limit, or allow at least 1"));
        }
    }
    if create.budget_usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
        return Err(ApiError::invalid("budgetUsd", "must be more than 0; leave it out for no limit"));
    }
    Ok(())
}
