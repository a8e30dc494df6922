//! `batches.*`.

use api::{
    batch::Batch,
    error::ApiError,
    id::{BatchId, TaskId},
    page::Page,
    rpc::batches::BatchesApiServer,
    run::Overrides,
};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink,
    core::{SubscriptionResult, async_trait},
};

use super::pump;
use crate::{
    app::{App, CreateBatch, watch},
    auth,
};

pub(super) struct Batches(pub(super) App);

#[async_trait]
impl BatchesApiServer for Batches {
    async fn create(
        &self,
        who: &Extensions,
        task_id: TaskId,
        repositories: Vec<String>,
        r#ref: Option<String>,
        concurrency: Option<u32>,
        stop_after_failures: Option<u32>,
        budget_usd: Option<f64>,
        idempotency_key: Option<String>,
        overrides: Option<Overrides>,
    ) -> Result<Batch, ApiError> {
        let overrides = overrides.unwrap_or_default();
        let create = CreateBatch {
            task_id,
            repositories,
            r#ref,
            concurrency,
            stop_after_failures,
            budget_usd,
            caller: auth::caller(who),
            idempotency_key,
            overrides,
        };
        self.0.whole(|app| async move { app.batch_create(create).await }).await
    }

    async fn by_id(&self, id: BatchId) -> Result<Batch, ApiError> {
        Ok(self.0.batch_by_id(id).await?)
    }

    async fn list(
        &self,
        task_id: Option<TaskId>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<Batch>, ApiError> {
        Ok(self.0.batch_list(task_id, cursor.as_deref(), limit).await?)
    }

    async fn cancel(&self, id: BatchId) -> Result<Batch, ApiError> {
        self.0.whole(move |app| async move { app.batch_cancel(id).await }).await
    }

    async fn retry_failed(&self, id: BatchId) -> Result<Batch, ApiError> {
        self.0.whole(move |app| async move { app.batch_retry_failed(id).await }).await
    }

    async fn on_change(&self, pending: PendingSubscriptionSink, id: BatchId) -> SubscriptionResult {
        if let Err(error) = self.0.batch_by_id(id).await {
            pending.reject(ApiError::from(error)).await;
            return Ok(());
        }
        let sink = pending.accept().await?;
        let changes = watch::changes(self.0.store.clone(), id);
        pump::until_end(sink, changes, self.0.tasks.stopping()).await
    }
}
