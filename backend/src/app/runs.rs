//! Runs: create, find, list, read, cancel, retry.

use api::{
    Timestamp,
    error::ApiError,
    event::Event,
    id::{RunId, TaskId},
    page::Page,
    run::{Overrides, Run, RunState},
    task::{Task, TaskSpec},
};

use super::{
    App, Error, before, not_found, page_size, repository, validate,
    verbs::{Target, Verb},
};
use crate::{
    caller::Caller,
    store::{OnceKey, PageLimit, RunFilter},
};

/// The most events in one page of `runs.messages`.
const MAX_EVENTS: u32 = 1_000;
/// The most bytes of events in one page, which the last one may exceed.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// What `runs.create` is asked for.
#[derive(Clone, Debug)]
pub struct CreateRun {
    /// The task.
    pub task_id: TaskId,
    /// The repository.
    pub repository: String,
    /// Where to start.
    pub r#ref: Option<String>,
    /// The same key of the same caller gives the same run.
    pub idempotency_key: Option<String>,
    /// Settings that differ from the task's.
    pub overrides: Overrides,
}

impl App {
    /// Queues a run.
    ///
    /// # Errors
    /// `Invalid` for what cannot be, `NotFound` or `Conflict` for the task, `Conflict` for a key that was used for
    /// another request, `Limit` when the queue is full.
    pub async fn run_create(&self, caller: &Caller, create: CreateRun) -> Result<Run, Error> {
        let by = caller.clone();
        let work = |app: Self| async move { app.create_run(&by, create).await };
        self.change(caller, Verb::RunsCreate, made(), work).await
    }

    async fn create_run(&self, caller: &Caller, create: CreateRun) -> Result<Run, Error> {
        let place = repository::place(&create.repository, create.r#ref.as_deref())?;
        self.broker.check_repository(&repository::parse(&place.repository)?)?;
        check_key(create.idempotency_key.as_deref())?;
        let asked = (create.task_id, &place.repository, &place.r#ref, &create.overrides);
        let key = create.idempotency_key.map(|key| OnceKey::of_caller(&caller.token(), &key, &asked));
        let task = self.task_to_run(create.task_id).await?;
        let (spec, priority) = with_overrides(task.spec, create.overrides)?;
        self.check_submodules(&spec)?;
        let mut run = new_run(create.task_id, spec, place.repository, place.r#ref, None);
        run.priority = priority;
        run.owner = Some(caller.name.to_string());
        self.run_enqueue(run, key).await
    }

    /// A task of which runs may be made.
    pub(super) async fn task_to_run(&self, id: TaskId) -> Result<Task, Error> {
        let task = self.task(id).await?;
        if task.archived_at.is_some() {
            return Err(ApiError::Conflict { why: format!("task {id} is archived") }.into());
        }
        Ok(task)
    }

    /// Queues the same again, in its batch unless that was cancelled or stopped.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` while the run is not over, `Limit` when the queue is full.
    pub async fn run_retry(&self, caller: &Caller, id: RunId) -> Result<Run, Error> {
        let owner = caller.name.to_string();
        let work = move |app: Self| async move { app.retry_run(owner, id).await };
        self.change(caller, Verb::RunsRetry, id.0, work).await
    }

    async fn retry_run(&self, owner: String, id: RunId) -> Result<Run, Error> {
        let old = self.run(id).await?;
        if old.state != RunState::Ended {
            return Err(ApiError::Conflict { why: format!("run {id} is not over: cancel it first") }.into());
        }
        let batch = match old.batch_id {
            Some(batch) => self.store.queue_batches(&[batch]).await?.remove(&batch),
            None => None,
        };
        let mut run = new_run(old.task_id, old.task, old.repository, old.r#ref, Some(id));
        run.batch_id = batch.filter(|batch| batch.stopped.is_none()).map(|batch| batch.id);
        run.priority = old.priority;
        run.owner = Some(owner);
        self.run_enqueue(run, None).await
    }

    /// Queues a run again whose container or engine failed, in its batch, one retry further.
    pub(crate) async fn run_retry_by_itself(&self, old: &Run) -> Result<Run, Error> {
        let again = old.clone();
        let mut run = new_run(again.task_id, again.task, again.repository, again.r#ref, Some(old.id));
        run.batch_id = old.batch_id;
        run.priority = old.priority;
        run.auto_retries = old.auto_retries + 1;
        run.owner = again.owner;
        // Once, also when the end of the old one is written by another process after this one stopped.
        self.run_enqueue(run, Some(OnceKey::own(format!("auto-retry-of-{}", old.id)))).await
    }

    async fn run_enqueue(&self, run: Run, key: Option<OnceKey>) -> Result<Run, Error> {
        self.queue_room(1).await?;
        let stored = self.store.run_queue(&run, key.as_ref()).await?;
        if stored.id != run.id {
            return Ok(stored);
        }
        self.store.run_changed(run.id);
        self.queue_changed.notify_one();
        self.run(run.id).await
    }

    /// Checks that the queue has room for so many runs more.
    pub(super) async fn queue_room(&self, runs: usize) -> Result<(), Error> {
        let queued = self.store.run_counts().await?.get("queued").copied().unwrap_or_default();
        let most = u64::from(self.config.runs.queue);
        if most < queued + runs as u64 {
            return Err(ApiError::Limit { limit: "CAISSON_QUEUE".to_owned(), value: most }.into());
        }
        Ok(())
    }

    /// One run.
    ///
    /// # Errors
    /// `Forbidden` or `NotFound`.
    pub async fn run_by_id(&self, caller: &Caller, id: RunId) -> Result<Run, Error> {
        Verb::RunsById.check(caller)?;
        self.run(id).await
    }

    pub(super) async fn run(&self, id: RunId) -> Result<Run, Error> {
        self.store.run_fetch(id).await?.ok_or_else(|| not_found("run", id))
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor or limit that cannot be.
    pub async fn run_list(
        &self,
        caller: &Caller,
        filter: &RunFilter,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page<Run>, Error> {
        Verb::RunsList.check(caller)?;
        Ok(self.store.run_list(filter, before(cursor)?, page_size(limit)?).await?)
    }

    /// The run's events after a number.
    ///
    /// # Errors
    /// `NotFound`, or `Invalid` for a number or limit that cannot be.
    pub async fn run_messages(
        &self,
        caller: &Caller,
        id: RunId,
        after: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Page<Event>, Error> {
        Verb::RunsMessages.check(caller)?;
        let limit = limit.unwrap_or(MAX_EVENTS);
        if !(1..=MAX_EVENTS).contains(&limit) {
            return Err(
                ApiError::invalid("limit", format!("{limit} is not between 1 and {MAX_EVENTS}")).into()
            );
        }
        let after = self.check_after(id, after).await?;
        if self.store.events_removed(id).await? {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let (mut items, mut bytes, mut seen) = (Vec::new(), 0, after);
        let is_last = loop {
            let left = PageLimit::list(limit - u32::try_from(items.len()).unwrap_or(limit));
            let page = self.store.event_page(id, seen, left).await?;
            let Some(last) = page.events.last() else { break true };
            seen = last.seq;
            for stored in &page.events {
                bytes += stored.shown_bytes();
                items.push(self.store.event_shown(stored).await?);
            }
            if page.is_last || limit as usize <= items.len() || MAX_EVENT_BYTES <= bytes {
                break page.is_last;
            }
        };
        let more = !is_last && self.store.event_is_more(id, seen).await?;
        let next = items.last().filter(|_| more).map(|event: &Event| event.seq.to_string());
        Ok(Page { items, next })
    }

    /// Checks that a run exists and that `after` can be a number of its log.
    ///
    /// # Errors
    /// `NotFound` or `Invalid`.
    pub(super) async fn check_after(&self, id: RunId, after: Option<i64>) -> Result<i64, Error> {
        let run = self.run(id).await?;
        match after.unwrap_or_default() {
            after if after < 0 => {
                Err(ApiError::invalid("after", "is a number of an event: 0 or more").into())
            }
            after if run.last_seq < after => {
                let why = format!("{after} is beyond the newest event, {}", run.last_seq);
                Err(ApiError::invalid("after", why).into())
            }
            after => Ok(after),
        }
    }
}

/// The bounds of a run's priority.
const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;

/// A task's definition with the settings of one run, and the run's priority.
pub(super) fn with_overrides(mut spec: TaskSpec, overrides: Overrides) -> Result<(TaskSpec, i32), Error> {
    let priority = overrides.priority.unwrap_or_default();
    if !PRIORITIES.contains(&priority) {
        let why = format!("{priority} is not between {} and {}", PRIORITIES.start(), PRIORITIES.end());
        return Err(ApiError::invalid("overrides.priority", why).into());
    }
    spec.model = overrides.model.or(spec.model);
    spec.budget_usd = overrides.budget_usd.or(spec.budget_usd);
    spec.timeout_seconds = overrides.timeout_seconds.unwrap_or(spec.timeout_seconds);
    spec.step_timeout_seconds = overrides.step_timeout_seconds.unwrap_or(spec.step_timeout_seconds);
    match validate::check(&spec) {
        Ok(()) => Ok((spec, priority)),
        Err(ApiError::Invalid { field, why }) => {
            Err(ApiError::invalid(format!("overrides.{field}"), why).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks an idempotency key.
pub(super) fn check_key(key: Option<&str>) -> Result<(), ApiError> {
    if key.is_some_and(|key| key.is_empty() || 200 < key.len() || key.contains('\0')) {
        return Err(ApiError::invalid("idempotencyKey", "must have 1 to 200 characters"));
    }
    Ok(())
}

/// The run that a verb makes.
fn made() -> Target<Run> {
    Target::Made(|run| run.id.to_string())
}

pub(super) fn new_run(
    task_id: TaskId,
    task: TaskSpec,
    repository: String,
    r#ref: Option<String>,
    retry_of: Option<RunId>,
) -> Run {
    let mut run = Run::queued(RunId::mint(), task_id, task, repository, Timestamp::now());
    run.r#ref = r#ref;
    run.retry_of = retry_of;
    run
}
