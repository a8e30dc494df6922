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

use super::{pump, reject};
use crate::{
    app::{App, CreateBatch},
    caller::Caller,
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
            idempotency_key,
            overrides,
        };
        Ok(self.0.batch_create(Caller::known(who)?, create).await?)
    }

    async fn by_id(&self, who: &Extensions, id: BatchId) -> Result<Batch, ApiError> {
        Ok(self.0.batch_by_id(Caller::known(who)?, id).await?)
    }

    async fn list(
        &self,
        who: &Extensions,
        task_id: Option<TaskId>,
        cursor: Option<String>,
        limit: Option<u32>,
    ) -> Result<Page<Batch>, ApiError> {
        Ok(self.0.batch_list(Caller::known(who)?, task_id, cursor.as_deref(), limit).await?)
    }

    async fn cancel(&self, who: &Extensions, id: BatchId) -> Result<Batch, ApiError> {
        Ok(self.0.batch_cancel(Caller::known(who)?, id).await?)
    }

    async fn retry_failed(&self, who: &Extensions, id: BatchId) -> Result<Batch, ApiError> {
        Ok(self.0.batch_retry_failed(Caller::known(who)?, id).await?)
    }

    async fn on_change(
        &self,
        pending: PendingSubscriptionSink,
        who: &Extensions,
        id: BatchId,
    ) -> SubscriptionResult {
        let changes = async { Ok(self.0.batch_changes(Caller::known(who)?, id).await?) };
        let changes = match changes.await {
            Ok(changes) => changes,
            Err(error) => return reject(pending, error).await,
        };
        let sink = pending.accept().await?;
        pump::until_end(sink, changes, self.0.tasks.stopping()).await
    }
}
