//! `batches.*`: one task over many repositories.

use crate::{
    batch::Batch,
    id::{BatchId, TaskId},
    page::Page,
    run::Overrides,
};

namespace! {
    #[cfg_attr(feature = "server", jsonrpsee::proc_macros::rpc(server, client, namespace = "batches", namespace_separator = "."))]
    #[cfg_attr(not(feature = "server"), jsonrpsee::proc_macros::rpc(client, namespace = "batches", namespace_separator = "."))]
    /// One task over many repositories.
    BatchesApi = "batches"
    methods {
        /// Queues a run of a task against each of these repositories. The same `idempotencyKey` of the same
        /// caller gives the same batch; for another request it is a conflict.
        "create" fn create(
            &self,
            task_id as "taskId": TaskId,
            repositories as "repositories": Vec<String>,
            r#ref as "ref": Option<String>,
            concurrency as "concurrency": Option<u32>,
            stop_after_failures as "stopAfterFailures": Option<u32>,
            budget_usd as "budgetUsd": Option<f64>,
            idempotency_key as "idempotencyKey": Option<String>,
            overrides as "overrides": Option<Overrides>,
        ) -> Batch;
        /// One batch with the newest run of each target.
        "byId" fn by_id(&self, id as "id": BatchId) -> Batch;
        /// All batches, newest first; without their runs.
        "list" fn list(
            &self,
            task_id as "taskId": Option<TaskId>,
            cursor as "cursor": Option<String>,
            limit as "limit": Option<u32>,
        ) -> Page<Batch>;
        /// Stops all its runs; what they have done is saved first. Idempotent.
        "cancel" fn cancel(&self, id as "id": BatchId) -> Batch;
        /// Queues the targets again whose newest run did not succeed, and only those.
        "retryFailed" fn retry_failed(&self, id as "id": BatchId) -> Batch;
    }
    subscriptions {
        /// The batch, whenever one of its runs changes; ends when the last one has ended.
        "onChange" / "offChange" fn on_change(&self, id as "id": BatchId) -> Batch;
    }
}
