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

use super::pump;
use crate::{
    app::{App, CreateRun, follow},
    auth,
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
        let caller = auth::caller(who);
        let create = CreateRun { task_id, repository, r#ref, caller, idempotency_key, overrides };
        self.0.whole(|app| async move { app.run_create(create).await }).await
    }

    async fn by_id(&self, id: RunId) -> Result<Run, ApiError> {
        Ok(self.0.run_by_id(id).await?)
    }

    async fn list(
        &self,
        task_id: Option<TaskId>,
        batch_id: Option<BatchId>,
        state: Option<RunState>,
        outcome: Option<Outcome>,
        repository: Option<String>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<Run>, ApiError> {
        let filter = RunFilter { task_id, batch_id, state, outcome, repository };
        Ok(self.0.run_list(&filter, cursor.as_deref(), limit).await?)
    }

    async fn messages(
        &self,
        id: RunId,
        after: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Page<Event>, ApiError> {
        Ok(self.0.run_messages(id, after, limit).await?)
    }

    async fn cancel(&self, id: RunId) -> Result<Run, ApiError> {
        self.0.whole(move |app| async move { app.run_cancel(id).await }).await
    }

    async fn retry(&self, id: RunId) -> Result<Run, ApiError> {
        self.0.whole(move |app| async move { app.run_retry(id).await }).await
    }

    async fn send(&self, id: RunId, text: String) -> Result<Run, ApiError> {
        self.0.whole(move |app| async move { app.run_send(id, &text).await }).await
    }

    async fn answer(&self, id: RunId, gate_id: Uuid, answer: String) -> Result<Run, ApiError> {
        self.0.whole(move |app| async move { app.run_answer(id, gate_id, &answer).await }).await
    }

    async fn diff(&self, id: RunId) -> Result<RunDiff, ApiError> {
        Ok(self.0.run_diff(id).await?)
    }

    async fn on_message(
        &self,
        pending: PendingSubscriptionSink,
        id: RunId,
        after: Option<i64>,
    ) -> SubscriptionResult {
        // After acceptance a refusal could only be a frame, so everything is checked before it.
        let after = match self.0.check_after(id, after).await {
            Ok(after) => after,
            Err(error) => {
                pending.reject(ApiError::from(error)).await;
                return Ok(());
            }
        };
        let sink = pending.accept().await?;
        pump::frames(sink, follow::follow(self.0.store.clone(), id, after), after, self.0.tasks.stopping())
            .await
    }

    async fn on_change(
        &self,
        pending: PendingSubscriptionSink,
        task_id: Option<TaskId>,
        batch_id: Option<BatchId>,
    ) -> SubscriptionResult {
        let changes = follow::changes(self.0.store.clone(), task_id, batch_id);
        let sink = pending.accept().await?;
        pump::changes(sink, changes, self.0.tasks.stopping()).await
    }
}
