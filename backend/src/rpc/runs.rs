//! `runs.*`.

use api::{
    error::ApiError,
    event::Event,
    id::{BatchId, RunId, TaskId},
    page::Page,
    rpc::runs::RunsApiServer,
    run::{Outcome, Overrides, Run, RunDiff, RunState},
};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::{SubscriptionResult, async_trait},
};
use uuid::Uuid;

use super::{pump, reject};
use crate::{
    app::{App, CreateRun},
    caller::Caller,
    store::RunFilter,
};

pub(super) struct Runs(pub(super) App);

#[async_trait]
impl RunsApiServer for Runs {
    async fn create(
        &self,
        who: &Extensions,
        task_id: TaskId,
        repository: String,
        r#ref: Option<String>,
        idempotency_key: Option<String>,
        overrides: Option<Overrides>,
    ) -> Result<Run, ApiError> {
        let overrides = overrides.unwrap_or_default();
        let create = CreateRun { task_id, repository, r#ref, idempotency_key, overrides };
        Ok(self.0.run_create(Caller::known(who)?, create).await?)
    }

    async fn by_id(&self, who: &Extensions, id: RunId) -> Result<Run, ApiError> {
        Ok(self.0.run_by_id(Caller::known(who)?, id).await?)
    }

    async fn list(
        &self,
        who: &Extensions,
        task_id: Option<TaskId>,
        batch_id: Option<BatchId>,
        state: Option<RunState>,
        outcome: Option<Outcome>,
        repository: Option<String>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<Run>, ApiError> {
        let filter = RunFilter { task_id, batch_id, state, outcome, repository };
        Ok(self.0.run_list(Caller::known(who)?, &filter, cursor.as_deref(), limit).await?)
    }

    async fn messages(
        &self,
        who: &Extensions,
        id: RunId,
        after: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Page<Event>, ApiError> {
        Ok(self.0.run_messages(Caller::known(who)?, id, after, limit).await?)
    }

    async fn cancel(&self, who: &Extensions, id: RunId) -> Result<Run, ApiError> {
        Ok(self.0.run_cancel(Caller::known(who)?, id).await?)
    }

    async fn retry(&self, who: &Extensions, id: RunId) -> Result<Run, ApiError> {
        Ok(self.0.run_retry(Caller::known(who)?, id).await?)
    }

    async fn send(&self, who: &Extensions, id: RunId, text: String) -> Result<Run, ApiError> {
        Ok(self.0.run_send(Caller::known(who)?, id, text).await?)
    }

    async fn answer(
        &self,
        who: &Extensions,
        id: RunId,
        gate_id: Uuid,
        answer: String,
    ) -> Result<Run, ApiError> {
        Ok(self.0.run_answer(Caller::known(who)?, id, gate_id, answer).await?)
    }

    async fn diff(&self, who: &Extensions, id: RunId) -> Result<RunDiff, ApiError> {
        Ok(self.0.run_diff(Caller::known(who)?, id).await?)
    }

    async fn on_message(
        &self,
        pending: PendingSubscriptionSink,
        who: &Extensions,
        id: RunId,
        after: Option<i64>,
    ) -> SubscriptionResult {
        // After acceptance a refusal could only be a frame, so everything is checked before it.
        let followed = async { Ok(self.0.run_follow(Caller::known(who)?, id, after).await?) };
        let (after, frames) = match followed.await {
            Ok(followed) => followed,
            Err(error) => return reject(pending, error).await,
        };
        let sink = pending.accept().await?;
        pump::frames(sink, frames, after, self.0.tasks.stopping()).await
    }

    async fn on_change(
        &self,
        pending: PendingSubscriptionSink,
        who: &Extensions,
        task_id: Option<TaskId>,
        batch_id: Option<BatchId>,
    ) -> SubscriptionResult {
        let changes = || Ok(self.0.run_changes(Caller::known(who)?, task_id, batch_id)?);
        let changes = match changes() {
            Ok(changes) => changes,
            Err(error) => return reject(pending, error).await,
        };
        let sink = pending.accept().await?;
        pump::changes(sink, changes, self.0.tasks.stopping()).await
    }
}
